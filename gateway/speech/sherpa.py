"""The sherpa engine: models of the k2-fsa project for streaming and for whole utterances.

A streaming transducer takes hotwords and goes on from piece to piece; the other kinds (SenseVoice,
Paraformer, Zipformer-CTC, TeleSpeech) hear a finished utterance and know no hotwords.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from gateway.channel.speech import EngineInfo, Feature
from gateway.domain.transcript import TranscriptWord
from gateway.speech.catalogue import ModelError
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decode, Decoded, Effort
from gateway.speech.streaming import heard_whole

# The library's constructor of each kind of whole-utterance model, and its argument for the weights.
_WHOLE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "sense_voice": ("from_sense_voice", "model"),
        "paraformer": ("from_paraformer", "paraformer"),
        "zipformer_ctc": ("from_zipformer_ctc", "model"),
        "telespeech": ("from_telespeech_ctc", "model"),
    }
)
# What a transducer still needs to hear after the last sound before it gives its last word.
_TAIL = np.zeros(RATE * 2 // 3, np.float32)
_HOTWORD_SCORE = 2.0


def sherpa_engine(
    folder: Path, *, kind: str | None, model: str, digest: str, languages: frozenset[str]
) -> "SherpaEngine | SherpaStreamingEngine":
    """Load a model of some ``kind``; raise ModelError for a kind that is unknown."""
    if kind == "streaming_transducer":
        return SherpaStreamingEngine(folder, model=model, digest=digest, languages=languages)
    if kind is None or kind not in _WHOLE:
        raise ModelError(
            f"speech model {model} is of the kind {kind!r}, which the engine does not know",
            f"write one of: {', '.join(('streaming_transducer', *_WHOLE))}",
        )
    return SherpaEngine(folder, kind=kind, model=model, digest=digest, languages=languages)


class SherpaEngine:
    """A sherpa-onnx model that hears whole utterances."""

    def __init__(
        self, folder: Path, *, kind: str, model: str, digest: str, languages: frozenset[str]
    ) -> None:
        self._library = _library(model)
        self._folder = folder
        self._kind = kind
        self._recognisers: dict[str, Any] = {}
        self._info = EngineInfo(
            engine="sherpa",
            model=model,
            digest=digest,
            languages=languages,
            features=frozenset(
                {Feature.WORDS, Feature.PUNCTUATION} if kind == "sense_voice" else {Feature.WORDS}
            ),
        )
        self._recogniser(min(languages))

    @property
    def info(self) -> EngineInfo:
        """Name the engine and its model."""
        return self._info

    def decoder(
        self, *, language: str, hotwords: Sequence[str] = (), effort: Effort = Effort.USUAL
    ) -> Decode:
        """Prepare to recognise one speaker; raise ModelError for a language it does not know."""
        return partial(_heard, self._recogniser(_known(language, self._info)))

    def _recogniser(self, language: str) -> Any:
        # Only SenseVoice is told the language, and once for all that a recogniser hears.
        told = language if self._kind == "sense_voice" else ""
        if told not in self._recognisers:
            constructor, weights = _WHOLE[self._kind]
            given: dict[str, Any] = {
                weights: str(_weights(self._folder, "model", self._info.model)),
                "tokens": str(self._folder / "tokens.txt"),
                "num_threads": 1,
            }
            if told:
                # Its own number writing is off: the gateway's keeps the raw text beside it.
                given |= {"language": told, "use_itn": False}
            self._recognisers[told] = _loaded(
                partial(getattr(self._library.OfflineRecognizer, constructor), **given),
                self._info.model,
            )
        return self._recognisers[told]


class SherpaStreamingEngine:
    """A sherpa-onnx streaming transducer, with hotwords."""

    def __init__(self, folder: Path, *, model: str, digest: str, languages: frozenset[str]) -> None:
        library = _library(model)
        parts = {name: str(_weights(folder, name, model)) for name in _TRANSDUCER}
        self._recogniser = _loaded(
            partial(
                library.OnlineRecognizer.from_transducer,
                tokens=str(folder / "tokens.txt"),
                **parts,
                num_threads=1,
                decoding_method="modified_beam_search",
                hotwords_score=_HOTWORD_SCORE,
                modeling_unit="cjkchar",
            ),
            model,
        )
        self._info = EngineInfo(
            engine="sherpa",
            model=model,
            digest=digest,
            languages=languages,
            features=frozenset({Feature.PARTIALS, Feature.WORDS, Feature.CONFIDENCE}),
        )

    @property
    def info(self) -> EngineInfo:
        """Name the engine and its model."""
        return self._info

    def decoder(
        self, *, language: str, hotwords: Sequence[str] = (), effort: Effort = Effort.USUAL
    ) -> Decode:
        """Prepare to recognise whole utterances of one speaker."""
        return lambda audio: heard_whole(self.stream(language=language, hotwords=hotwords), audio)

    def stream(self, *, language: str, hotwords: Sequence[str]) -> "SherpaStream":
        """Begin an utterance; raise ModelError for a language the model does not know."""
        _known(language, self._info)
        # A slash separates hotwords, so none may contain one.
        words = "/".join(word.replace("/", "") for word in hotwords)
        return SherpaStream(self._recogniser, self._recogniser.create_stream(words or None))


_TRANSDUCER = ("encoder", "decoder", "joiner")


class SherpaStream:
    """One utterance heard piece by piece."""

    def __init__(self, recogniser: Any, stream: Any) -> None:
        self._recogniser = recogniser
        self._stream = stream

    def hear(self, audio: Samples) -> str:
        """Take the next piece and return the provisional text."""
        self._stream.accept_waveform(RATE, audio)
        while self._recogniser.is_ready(self._stream):
            self._recogniser.decode_stream(self._stream)
        return str(self._recogniser.get_result(self._stream))

    def finish(self) -> Decoded | None:
        """End the utterance."""
        self.hear(_TAIL)
        self._stream.input_finished()
        while self._recogniser.is_ready(self._stream):
            self._recogniser.decode_stream(self._stream)
        result = self._recogniser.get_result_all(self._stream)
        return _decoded(result.text, result.tokens, result.timestamps, result.ys_probs)


def _heard(recogniser: Any, audio: Samples) -> Decoded | None:
    stream = recogniser.create_stream()
    stream.accept_waveform(RATE, audio)
    recogniser.decode_stream(stream)
    result = stream.result
    return _decoded(result.text, result.tokens, result.timestamps, result.ys_log_probs)


def _decoded(
    text: str, tokens: Sequence[str], times: Sequence[float], log_probs: Sequence[float]
) -> Decoded | None:
    """Return what was heard; some kinds of model give neither times nor probabilities."""
    text = text.strip()
    if not text:
        return None
    sure = [float(np.exp(min(value, 0.0))) for value in log_probs]
    words = []
    for place, (token, start) in enumerate(zip(tokens, times, strict=False)):
        end = times[place + 1] if place + 1 < len(times) else start + 0.2
        words.append(
            TranscriptWord(
                text=token.strip(),
                start_ms=int(start * 1000),
                end_ms=int(end * 1000),
                confidence=round(sure[place], 3) if place < len(sure) else None,
            )
        )
    return Decoded(
        text_raw=text,
        text=text,
        confidence=round(float(np.mean(sure)), 3) if sure else None,
        words=tuple(word for word in words if word.text),
    )


def _known(language: str, info: EngineInfo) -> str:
    code = language.partition("-")[0].lower()
    if code == "yue" and code not in info.languages:
        code = "zh"
    if code not in info.languages:
        known = ", ".join(sorted(info.languages))
        raise ModelError(
            f"speech model {info.model} does not know the language {language!r}",
            f"it speaks: {known}",
        )
    return code


def _library(model: str) -> Any:
    try:
        # An extra: a gateway with another engine does not need it.
        import sherpa_onnx
    except ImportError as error:
        raise ModelError(
            f"speech model {model} needs the library sherpa-onnx, which is not installed",
            "run: pip install 'sherpa-onnx>=2.0'",
        ) from error
    return sherpa_onnx


def _weights(folder: Path, name: str, model: str) -> Path:
    """Return the weights called ``name``, the small ones if there are two."""
    found = sorted(folder.glob(f"{name}*.onnx"), key=lambda path: ("int8" not in path.name, path))
    if not found:
        # Looked for here, because the library ends the whole process over a missing file.
        raise ModelError(
            f"speech model {model} has no file {name}*.onnx in {folder}",
            f"run: hotline models fetch {model}",
        )
    return found[0]


def _loaded(load: Any, model: str) -> Any:
    try:
        return load()
    except Exception as error:  # the library raises nothing more particular
        raise ModelError(
            f"speech model {model} does not load: {str(error).splitlines()[0]}",
            f"run: hotline models verify {model}",
        ) from error
