"""Turns a model's name into a working recogniser, or into the reason why there is none."""

import asyncio
import os
from pathlib import Path

import numpy as np

from gateway.channel.speech import Unavailable
from gateway.speech.admission import Watch
from gateway.speech.audio import read_audio
from gateway.speech.catalogue import GATE, Catalogue, Damaged, Installed, Model, ModelError
from gateway.speech.endpointing import CHUNK
from gateway.speech.engine import Closing, Engine
from gateway.speech.engines import load_engine
from gateway.speech.lexicon import Lexicon
from gateway.speech.session import GatedRecogniser
from gateway.speech.transcription import transcribe


def default_models_folder() -> Path:
    """Return the ``asr_models`` folder of this installation."""
    return Path(__file__).resolve().parents[2] / "asr_models"


def load_recogniser(
    model: str | None,
    *,
    models: Path | None = None,
    workers: int | None = None,
    lexicon: Lexicon | None = None,
    isolated: bool = False,
    partials: bool = True,
    watch: Watch | None = None,
) -> GatedRecogniser | Unavailable:
    """Load a model of the catalogue after reading every byte of it; takes seconds and blocks.

    ``model`` None means that recognition is switched off. ``models`` is the folder with the
    catalogue, ``workers`` how many utterances are decoded at once (one core each, all cores
    by default), ``lexicon`` the words of the city. ``isolated`` decodes in processes of
    their own, ``partials`` also makes provisional texts. A model that is missing, damaged or does
    not load gives Unavailable: calls must be recorded all the same.
    """
    if model is None:
        return Unavailable(
            reason="speech recognition is switched off", cure="name a model in speech.model"
        )
    try:
        catalogue = Catalogue.read(models or default_models_folder())
        entry = catalogue.get(model)
        installed = _installed(catalogue, model)
        count = workers or _cores()
        engine = _engine(
            entry,
            installed.folder,
            digest=installed.variant.digest,
            workers=count,
            isolated=isolated,
            watch=watch,
        )
        return _gated(catalogue, engine, count, lexicon=lexicon, partials=partials, watch=watch)
    except ModelError as error:
        return Unavailable(reason=error.message, cure=error.cure)
    except OSError as error:
        return Unavailable(
            reason=f"speech model {model} cannot be read: {error.strerror}",
            cure="check the permissions of the models folder",
        )


def try_out(model: Model, folder: Path, *, manifest_folder: Path) -> None:
    """Load the model in ``folder`` and let it hear its smoke recording; raise ModelError."""
    from gateway.speech.silero import Silero

    if model.engine == "silero":
        Silero(folder).stream().probabilities(np.zeros((1, CHUNK), np.float32))
        return
    engine = load_engine(model, folder, digest="", workers=1)
    if model.smoke is None:
        return
    recogniser = _gated(Catalogue.read(manifest_folder), engine, 1)
    try:
        audio = read_audio(manifest_folder / model.smoke.wav)
        heard = asyncio.run(
            transcribe(
                recogniser,
                audio.pcm,
                sample_rate=audio.sample_rate,
                language=model.smoke.language,
            )
        )
        if model.smoke.must_contain not in heard.text:
            raise ModelError(
                f"speech model {model.id} does not understand its test recording",
                "fetch it again, or report this with the version of its library",
            )
    finally:
        recogniser.close()


def connect_recogniser(
    server: str,
    *,
    language: str,
    models: Path | None = None,
    workers: int | None = None,
    lexicon: Lexicon | None = None,
    partials: bool = True,
    watch: Watch | None = None,
) -> GatedRecogniser | Unavailable:
    """Use a FunASR server instead of a model.

    It need not be there yet: an utterance that it cannot hear is left to the second pass.
    """
    from gateway.speech.funasr import FunasrEngine

    engine = FunasrEngine(server, languages=frozenset({language, "zh", "en"}))
    try:
        catalogue = Catalogue.read(models or default_models_folder())
        return _gated(
            catalogue,
            engine,
            workers or _cores(),
            lexicon=lexicon,
            partials=partials,
            watch=watch,
        )
    except ModelError as error:
        return Unavailable(reason=error.message, cure=error.cure)


def _gated(
    catalogue: Catalogue,
    engine: Engine,
    workers: int,
    *,
    lexicon: Lexicon | None = None,
    partials: bool = True,
    watch: Watch | None = None,
) -> GatedRecogniser:
    """Put the gate before an engine; raise ModelError, the engine closed, when there is none."""
    from gateway.speech.silero import Silero

    try:
        gate = Silero(_installed(catalogue, GATE).folder)
    except ModelError:
        if isinstance(engine, Closing):
            engine.close()
        raise
    return GatedRecogniser(
        engine,
        detector=gate.stream,
        workers=workers,
        lexicon=lexicon,
        partials=partials,
        watch=watch,
    )


def _installed(catalogue: Catalogue, name: str) -> Installed:
    """Return the whole and unchanged model called ``name``; raise ModelError for any other."""
    found = catalogue.inspect(catalogue.get(name))
    if isinstance(found, Installed):
        return found
    problem = f"is damaged: {found.reason}" if isinstance(found, Damaged) else "is not installed"
    raise ModelError(f"speech model {name} {problem}", f"run: hotline models fetch {name}")


def _engine(
    model: Model,
    folder: Path,
    *,
    digest: str,
    workers: int,
    isolated: bool,
    watch: Watch | None = None,
) -> Engine:
    # What goes on from piece to piece cannot be handed from process to process.
    if isolated and model.engine == "whisper":
        from gateway.speech.isolation import IsolatedEngine
        from gateway.speech.wire import Recipe

        recipe = Recipe(model=model, folder=folder.resolve(), digest=digest)
        return IsolatedEngine(recipe, workers=workers, watch=watch)
    return load_engine(model, folder, digest=digest, workers=workers)


def _cores() -> int:
    return len(os.sched_getaffinity(0))
