"""The Vosk engine: Kaldi models that decode while a caller speaks, in little memory.

Wideband models understand a telephone line badly, and Vosk's own end of utterance is only a hint:
our gate ends it. Hotwords cannot be given to it (a grammar would restrict the vocabulary).
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
import numpy as np

from gateway.channel.speech import EngineInfo, Feature
from gateway.domain.transcript import TranscriptWord
from gateway.speech.catalogue import ModelError
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decode, Decoded, Effort
from gateway.speech.streaming import heard_whole
from gateway.speech.warm import WarmRecognisers


class _Word(msgspec.Struct, frozen=True):
    word: str
    start: float
    end: float
    conf: float = 1.0


class _Result(msgspec.Struct, frozen=True):
    text: str = ""
    partial: str = ""
    result: tuple[_Word, ...] = ()


class VoskEngine:
    """A Vosk model, shared by every utterance."""

    def __init__(self, folder: Path, *, model: str, digest: str, languages: frozenset[str]) -> None:
        try:
            # The library is an extra: a gateway with another engine does not need it.
            import vosk
        except ImportError as error:
            raise ModelError(
                f"speech model {model} needs the Vosk library, which is not installed",
                "run: pip install 'vosk>=0.3.45'",
            ) from error
        vosk.SetLogLevel(-1)
        try:
            loaded = vosk.Model(str(folder))
        except Exception as error:  # the library raises nothing more particular
            raise ModelError(
                f"speech model {model} does not load", f"run: hotline models verify {model}"
            ) from error

        def make() -> Any:
            recogniser = vosk.KaldiRecognizer(loaded, float(RATE))
            recogniser.SetWords(True)
            return recogniser

        self._recognisers = WarmRecognisers(make)
        self._info = EngineInfo(
            engine="vosk",
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

    def stream(self, *, language: str, hotwords: Sequence[str]) -> "VoskStream":
        """Begin an utterance; raise ModelError for a language the model does not speak."""
        if language.partition("-")[0].lower() not in self._info.languages:
            known = ", ".join(sorted(self._info.languages))
            raise ModelError(
                f"speech model {self._info.model} does not know the language {language!r}",
                f"it speaks: {known}",
            )
        spaced = not language.startswith(("zh", "yue", "cmn", "ja"))
        return VoskStream(self._recognisers, spaced=spaced)


class VoskStream:
    """One utterance; what the engine itself takes for its end only begins a new sentence of it.

    The engine puts a space between any two words; ``spaced`` tells whether people do.
    """

    def __init__(self, recognisers: WarmRecognisers, *, spaced: bool) -> None:
        self._recognisers = recognisers
        self._warm = recognisers.take()
        self._began = self._warm.heard / RATE
        self._between = False
        self._spaced = spaced
        self._sentences: list[_Result] = []

    def hear(self, audio: Samples) -> str:
        """Take the next piece and return the provisional text."""
        recogniser = self._warm.recogniser
        self._warm.heard += len(audio)
        self._between = bool(recogniser.AcceptWaveform(_pcm(audio)))
        if self._between:
            self._keep(recogniser.Result())
            return self._readable(self._text())
        return self._readable(self._text(_read(recogniser.PartialResult()).partial))

    def finish(self) -> Decoded | None:
        """End the utterance."""
        self._keep(self._warm.recogniser.FinalResult())
        if not self._between:
            # Between two sentences the library finishes nothing: the last sound would stay in it.
            self._recognisers.give_back(self._warm)
        words = [word for sentence in self._sentences for word in sentence.result]
        text = self._text()
        if not text:
            return None
        return Decoded(
            text_raw=text,
            text=self._readable(text),
            confidence=round(fmean(word.conf for word in words), 3) if words else None,
            words=tuple(
                TranscriptWord(
                    text=word.word,
                    start_ms=self._ms(word.start),
                    end_ms=self._ms(word.end),
                    confidence=round(word.conf, 3),
                )
                for word in words
            ),
        )

    def _keep(self, answer: str) -> None:
        found = _read(answer)
        if found.text:
            self._sentences.append(found)

    def _text(self, provisional: str = "") -> str:
        return " ".join(part for part in (*(s.text for s in self._sentences), provisional) if part)

    def _ms(self, seconds: float) -> int:
        return round((seconds - self._began) * 1000)

    def _readable(self, text: str) -> str:
        return text if self._spaced else text.replace(" ", "")


def _read(answer: str) -> _Result:
    return msgspec.json.decode(answer, type=_Result)


def _pcm(audio: Samples) -> bytes:
    return (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()
