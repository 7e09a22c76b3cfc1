"""Turns a model's name into a working recogniser, or into the reason why there is none."""

import asyncio
import os
from pathlib import Path

from gateway.channel.speech import Unavailable
from gateway.speech.audio import read_audio
from gateway.speech.catalogue import Catalogue, Damaged, Installed, Missing, Model, ModelError
from gateway.speech.engine import Engine
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
) -> GatedRecogniser | Unavailable:
    """Load a model of the catalogue after reading every byte of it; takes seconds and blocks.

    ``model`` None means that recognition is switched off. ``models`` is the folder with the
    catalogue, ``workers`` how many utterances are decoded at once (one core each, all cores
    by default), ``lexicon`` the words of the city. A model that is missing, damaged or does not
    load gives Unavailable: calls must be recorded all the same.
    """
    if model is None:
        return Unavailable(
            reason="speech recognition is switched off", cure="name a model in speech.model"
        )
    try:
        catalogue = Catalogue.read(models or default_models_folder())
        entry = catalogue.get(model)
        match catalogue.inspect(entry):
            case Missing():
                return Unavailable(
                    reason=f"speech model {model} is not installed",
                    cure=f"run: hotline models fetch {model}",
                )
            case Damaged(reason=reason):
                return Unavailable(
                    reason=f"speech model {model} is damaged: {reason}",
                    cure=f"run: hotline models fetch {model}",
                )
            case Installed(folder=folder, variant=variant):
                return _load(entry, folder, digest=variant.digest, workers=workers, lexicon=lexicon)
    except ModelError as error:
        return Unavailable(reason=error.message, cure=error.cure)
    except OSError as error:
        return Unavailable(
            reason=f"speech model {model} cannot be read: {error.strerror}",
            cure="check the permissions of the models folder",
        )


def try_out(model: Model, folder: Path, *, manifest_folder: Path) -> None:
    """Load the model in ``folder`` and let it hear its smoke recording; raise ModelError."""
    recogniser = _load(model, folder, digest="", workers=1)
    try:
        if model.smoke is None:
            return
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
                "fetch it again, or report this with the version of faster-whisper installed",
            )
    finally:
        recogniser.close()


def connect_recogniser(
    server: str,
    *,
    language: str,
    workers: int | None = None,
    lexicon: Lexicon | None = None,
) -> GatedRecogniser:
    """Use a FunASR server instead of a model.

    It need not be there yet: an utterance that it cannot hear is left to the second pass.
    """
    from gateway.speech.funasr import FunasrEngine
    from gateway.speech.silero import Silero

    engine = FunasrEngine(server, languages=frozenset({language, "zh", "en"}))
    count = workers or len(os.sched_getaffinity(0))
    return GatedRecogniser(engine, detector=Silero().stream, workers=count, lexicon=lexicon)


def _load(
    model: Model,
    folder: Path,
    *,
    digest: str,
    workers: int | None,
    lexicon: Lexicon | None = None,
) -> GatedRecogniser:
    from gateway.speech.silero import Silero

    count = workers or len(os.sched_getaffinity(0))
    engine = _engine(model, folder, digest=digest, workers=count)
    return GatedRecogniser(engine, detector=Silero().stream, workers=count, lexicon=lexicon)


def _engine(model: Model, folder: Path, *, digest: str, workers: int) -> Engine:
    # Each takes a second to import, and all but one are extras: only who needs it pays for it.
    languages = frozenset(model.languages)
    match model.engine:
        case "whisper":
            from gateway.speech.whisper import WhisperEngine

            return WhisperEngine(folder, model=model.id, digest=digest, workers=workers)
        case "vosk":
            from gateway.speech.vosk import VoskEngine

            return VoskEngine(folder, model=model.id, digest=digest, languages=languages)
        case "sherpa":
            from gateway.speech.sherpa import sherpa_engine

            return sherpa_engine(
                folder, kind=model.kind, model=model.id, digest=digest, languages=languages
            )
