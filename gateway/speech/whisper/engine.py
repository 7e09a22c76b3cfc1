"""The Whisper engine: one utterance in, one text out, at a fifth of the usual cost.

Whisper is trained on windows of 30 seconds, and its runners pad every input to that length. While
a caller waits the sound is followed by five seconds of silence only, and Chinese is written with
the tokens that Chinese needs; a thorough pass pads fully. ``python -m bench.speech`` measures both.
"""

import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
import opencc
from tokenizers import Tokenizer

from gateway.channel.speech import EngineInfo, Feature
from gateway.domain.transcript import TranscriptWord
from gateway.speech.catalogue import ModelError
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decode, Decoded, Effort
from gateway.speech.guards import invented, repetitive
from gateway.speech.whisper.coverage import covering
from gateway.speech.whisper.processor import widen, without_helpers
from gateway.speech.whisper.spectrogram import FRAMES_PER_SECOND, Spectrogram
from gateway.speech.whisper.tokens import Specials, read_tokenizer, text_tokens, words_of
from gateway.speech.whisper.weights import Vocabulary, chinese, everything, trimmed

_LONGEST_S = 30
# Fast Mandarin has about seven characters a second, rare ones take three tokens.
_TOKENS_PER_SECOND = 20
_TOKENS_LEAST = 24
_TOKENS_MOST = 220
_MODEL_TOKENS = 448
_HOTWORD_TOKENS = 100
_CHINESE = "zh"
# Asked for Cantonese the base model loops; asked for Mandarin it writes Cantonese well.
_SPOKEN_AS = {"yue": _CHINESE, "cmn": _CHINESE}
_UNSPACED = frozenset({"zh", "ja", "th", "lo", "my"})
# A sentence in the wanted script and style brings punctuation and simplified characters. Without
# the full padding it costs one to three points of errors, so only the thorough pass has it.
_STYLE = {_CHINESE: "以下是普通话的句子。"}
_FRAMES_PER_STEP = 2  # of the encoder's output, 20 ms each


@dataclass(frozen=True, slots=True)
class _Care:
    """What an effort means here."""

    silence_s: float
    beam: int
    words: bool
    style: bool


_CARE = {
    Effort.SKETCH: _Care(silence_s=3, beam=1, words=False, style=False),
    Effort.USUAL: _Care(silence_s=5, beam=3, words=True, style=False),
    Effort.THOROUGH: _Care(silence_s=_LONGEST_S, beam=5, words=True, style=True),
}


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model with the vocabulary it was loaded with."""

    model: Any
    vocabulary: Vocabulary


class WhisperEngine:
    """A CTranslate2 Whisper model; ``workers`` threads may decode at once, one core each."""

    def __init__(self, folder: Path, *, model: str, digest: str, workers: int) -> None:
        self._folder = folder
        self._name = model
        self._workers = workers
        self._models: dict[bool, _Loaded] = {}
        self._loading = threading.Lock()
        widen(os.environ)
        without_helpers()
        try:
            self._tokenizer: Tokenizer = read_tokenizer(folder)
        except Exception as error:  # the library raises nothing more particular
            raise self._not_loading(error) from error
        self._spectrogram = Spectrogram()
        self._simplify = opencc.OpenCC("t2s")
        self._info = EngineInfo(
            engine="whisper",
            model=model,
            digest=digest,
            languages=frozenset({*_languages(self._tokenizer), *_SPOKEN_AS}),
            features=frozenset({Feature.WORDS, Feature.CONFIDENCE, Feature.PUNCTUATION}),
        )
        self._loaded(_CHINESE)

    @property
    def info(self) -> EngineInfo:
        """Name the engine and its model."""
        return self._info

    def decoder(
        self, *, language: str, hotwords: Sequence[str] = (), effort: Effort = Effort.USUAL
    ) -> Decode:
        """Prepare to recognise one speaker.

        Raise ModelError when the model does not know ``language``, a BCP 47 tag.
        """
        code = self._code(language)
        loaded = self._loaded(code)
        specials = Specials.of(self._tokenizer, code)
        care = _CARE[effort]
        lead = self._lead(hotwords, _STYLE.get(code, "") if care.style else "")
        once = partial(
            self._decode,
            loaded=loaded,
            specials=specials,
            language=code,
            lead=lead,
            request=specials.request(text_tokens(self._tokenizer, lead) if lead else []),
            care=care,
        )
        return covering(once, spaced=code not in _UNSPACED)

    def _decode(
        self,
        audio: Samples,
        *,
        loaded: _Loaded,
        specials: Specials,
        language: str,
        lead: str,
        request: list[int],
        care: _Care,
    ) -> Decoded | None:
        audio = audio[: _LONGEST_S * RATE]
        seconds = len(audio) / RATE
        frames = self._frames(audio, care.silence_s)
        encoded = loaded.model.encode(ctranslate2.StorageView.from_array(frames[None]))
        ask = partial(
            self._ask,
            loaded,
            encoded,
            request,
            end=specials.end,
            beam=care.beam,
            room=min(_TOKENS_MOST, _TOKENS_LEAST + math.ceil(seconds * _TOKENS_PER_SECOND)),
        )
        tokens, score, no_speech = ask()
        raw = self._tokenizer.decode(tokens).strip()
        if repetitive(raw):
            tokens, score, no_speech = ask(no_repeat=3)
            raw = self._tokenizer.decode(tokens).strip()
        if invented(raw, prompt=lead, no_speech=no_speech, log_probability=score):
            return None
        words: tuple[TranscriptWord, ...] = ()
        if care.words:
            length = min(math.ceil(seconds * FRAMES_PER_SECOND), frames.shape[1])
            words = self._words(loaded, encoded, specials, tokens, length, language)
        return Decoded(
            text_raw=raw,
            text=self._readable(raw, language),
            confidence=round(math.exp(min(score, 0.0)), 3),
            no_speech=round(no_speech, 3),
            words=words,
        )

    def _frames(self, audio: Samples, silence_s: float) -> npt.NDArray[np.float32]:
        longest = _LONGEST_S * FRAMES_PER_SECOND
        room = _LONGEST_S - len(audio) / RATE
        frames = self._spectrogram(audio, silence_s=min(silence_s, room))
        return np.ascontiguousarray(frames[:, :longest])

    def _ask(
        self,
        loaded: _Loaded,
        encoded: Any,
        request: list[int],
        *,
        end: int,
        beam: int,
        room: int,
        no_repeat: int = 0,
    ) -> tuple[list[int], float, float]:
        """Return the tokens, their mean log probability, and the probability of no speech."""
        (result,) = loaded.model.generate(
            encoded,
            [loaded.vocabulary.into(request)],
            beam_size=beam,
            no_repeat_ngram_size=no_repeat,
            max_length=min(len(request) + room, _MODEL_TOKENS),
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens = loaded.vocabulary.out(list(result.sequences_ids[0]))
        score = result.scores[0] * len(tokens) / (len(tokens) + 1)
        text = [token for token in tokens if token < end]
        return text, float(score), float(result.no_speech_prob)

    def _words(
        self,
        loaded: _Loaded,
        encoded: Any,
        specials: Specials,
        tokens: list[int],
        frames: int,
        language: str,
    ) -> tuple[TranscriptWord, ...]:
        vocabulary = loaded.vocabulary
        (found,) = loaded.model.align(
            encoded, vocabulary.into(specials.task), [vocabulary.into(tokens)], frames
        )
        # Pairs of token and step along the way through both; a token begins where it first shows.
        begins: dict[int, int] = {}
        for token, step in found.alignments:
            begins.setdefault(int(token), int(step))
        last = max((int(step) for _, step in found.alignments), default=0)
        sure = found.text_token_probs
        step_ms = 1000 * _FRAMES_PER_STEP // FRAMES_PER_SECOND
        return tuple(
            TranscriptWord(
                text=self._readable(text.strip(), language),
                start_ms=begins.get(first, last) * step_ms,
                end_ms=begins.get(after, last) * step_ms,
                confidence=round(float(np.mean(sure[first:after])), 3),
            )
            for text, first, after in words_of(
                self._tokenizer, tokens, spaced=language not in _UNSPACED
            )
        )

    def _lead(self, hotwords: Sequence[str], style: str) -> str:
        """Return what is said to have been said before: the words to expect, then the style."""
        chosen: list[str] = []
        for word in hotwords:
            longer = "，".join([*chosen, word]) + "。"
            if len(text_tokens(self._tokenizer, longer)) > _HOTWORD_TOKENS:
                break
            chosen.append(word)
        # The last words of a prompt weigh most, and the first hotwords are the likeliest.
        return ("，".join(reversed(chosen)) + "。" if chosen else "") + style

    def _code(self, tag: str) -> str:
        code = tag.partition("-")[0].lower()
        if code not in self._info.languages:
            raise ModelError(
                f"speech model {self._name} does not know the language {tag!r}",
                "give a language tag such as zh or en",
            )
        return _SPOKEN_AS.get(code, code)

    def _loaded(self, language: str) -> _Loaded:
        """Return the model for a language: the one that is there, or the whole one, now loaded."""
        whole = language != _CHINESE
        with self._loading:
            if whole not in self._models:
                self._models[whole] = self._load(whole=whole)
            return self._models[whole]

    def _load(self, *, whole: bool) -> _Loaded:
        tokenizer = self._tokenizer
        try:
            if whole:
                vocabulary, files = everything(tokenizer), None
            else:
                vocabulary = chinese(tokenizer, Specials.of(tokenizer, _CHINESE).all)
                files = trimmed(self._folder, vocabulary)
            model = ctranslate2.models.Whisper(
                str(self._folder),
                device="cpu",
                compute_type="int8",
                inter_threads=self._workers,
                intra_threads=1,
                files=files,
            )
        except (KeyError, RuntimeError, ValueError, OSError) as error:
            raise self._not_loading(error) from error
        return _Loaded(model, vocabulary)

    def _not_loading(self, error: Exception) -> ModelError:
        return ModelError(
            f"speech model {self._name} does not load: {error}",
            f"run: hotline models verify {self._name}",
        )

    def _readable(self, text: str, language: str) -> str:
        return str(self._simplify.convert(text)) if language == _CHINESE else text


def _languages(tokenizer: Tokenizer) -> list[str]:
    """Return the codes of the languages: their tokens stand between the start and the tasks."""
    first = tokenizer.token_to_id("<|startoftranscript|>")
    last = tokenizer.token_to_id("<|translate|>")
    if first is None or last is None:
        return []
    return [str(tokenizer.id_to_token(token)).strip("<|>") for token in range(first + 1, last)]
