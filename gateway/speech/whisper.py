"""The Whisper engine: one utterance in, one text out, at a third of the usual cost.

Whisper is trained on windows of 30 seconds, and its runners pad every input to that length. While
a caller waits the spectrogram is padded by five seconds only, which takes a third of the CPU time
and adds a few points of character errors; a thorough pass pads fully. ``python -m bench.speech``
measures both.
"""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import opencc
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import (
    get_suppressed_tokens,
    merge_punctuations,
)

from gateway.channel.speech import EngineInfo, Feature
from gateway.domain.transcript import TranscriptWord
from gateway.speech.catalogue import ModelError
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decode, Decoded
from gateway.speech.guards import invented, repetitive

_BEAM = 5
# With one second the model repeats and invents more, with more than five it only gets slower.
_PAD_S = 5
_LONGEST_S = 30
_FRAMES_PER_SECOND = 100
# Fast Mandarin has about seven characters a second, rare ones take three tokens.
_TOKENS_PER_SECOND = 20
_TOKENS_LEAST = 24
_TOKENS_MOST = 220
_PROMPT_TOKENS = 200
# A sentence in the wanted script and style: it brings punctuation and simplified characters.
_STYLE = {"zh": "以下是普通话的句子。"}
_OPENING = "\"'“¿([{-"
_CLOSING = "\"'.。,，!！?？:：”)]}、"


class WhisperEngine:
    """A CTranslate2 Whisper model; ``workers`` threads may decode at once, one core each."""

    def __init__(self, folder: Path, *, model: str, digest: str, workers: int) -> None:
        try:
            self._model = WhisperModel(
                str(folder),
                device="cpu",
                compute_type="int8",
                cpu_threads=1,
                num_workers=workers,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(
                f"speech model {model} does not load: {error}",
                f"run: hotline models verify {model}",
            ) from error
        self._simplify = opencc.OpenCC("t2s")
        self._info = EngineInfo(
            engine="whisper",
            model=model,
            digest=digest,
            languages=frozenset(self._model.supported_languages),
            features=frozenset({Feature.WORDS, Feature.CONFIDENCE, Feature.PUNCTUATION}),
        )

    @property
    def info(self) -> EngineInfo:
        """Name the engine and its model."""
        return self._info

    def decoder(self, *, language: str, hotwords: Sequence[str], thorough: bool) -> Decode:
        """Prepare to recognise one speaker.

        Raise ModelError when the model does not know ``language``, a BCP 47 tag.
        """
        code = self._language(language)
        tokenizer = Tokenizer(
            self._model.hf_tokenizer, multilingual=True, task="transcribe", language=code
        )
        lead = "".join(("，".join(hotwords), _STYLE.get(code, ""))) or None
        start = self._model.get_prompt(
            tokenizer,
            tokenizer.encode(" " + lead)[-_PROMPT_TOKENS:] if lead else [],
            without_timestamps=True,
        )
        return partial(
            self._decode,
            tokenizer=tokenizer,
            lead=lead,
            start=start,
            padding_s=_LONGEST_S if thorough else _PAD_S,
        )

    def _decode(
        self,
        audio: Samples,
        *,
        tokenizer: Tokenizer,
        lead: str | None,
        start: list[int],
        padding_s: int,
    ) -> Decoded | None:
        seconds = min(len(audio) / RATE, _LONGEST_S)
        encoded, frames = self._encode(audio, padding_s)
        room = min(_TOKENS_MOST, _TOKENS_LEAST + math.ceil(seconds * _TOKENS_PER_SECOND))
        tokens, score, no_speech = self._generate(encoded, start, room, tokenizer)
        raw = tokenizer.decode(tokens).strip()
        if repetitive(raw):
            tokens, score, no_speech = self._generate(
                encoded, start, room, tokenizer, no_repeat_ngram_size=3
            )
            raw = tokenizer.decode(tokens).strip()
        if invented(raw, prompt=lead, no_speech=no_speech, log_probability=score):
            return None
        return Decoded(
            text_raw=raw,
            text=self._readable(raw, tokenizer),
            confidence=round(math.exp(min(score, 0.0)), 3),
            no_speech=round(no_speech, 3),
            words=self._words(encoded, tokens, tokenizer, frames),
        )

    def _language(self, tag: str) -> str:
        code = tag.partition("-")[0].lower()
        # Asked for Cantonese the base model loops; asked for Mandarin it writes Cantonese well.
        code = "zh" if code in {"yue", "cmn"} else code
        if code not in self._info.languages:
            raise ModelError(
                f"speech model {self._info.model} does not know the language {tag!r}",
                "give a language tag such as zh or en",
            )
        return code

    def _encode(self, audio: Samples, padding_s: int) -> tuple[object, int]:
        """Return the encoder's output and the number of frames that are not padding."""
        longest = _LONGEST_S * _FRAMES_PER_SECOND
        frames = min(len(audio) * _FRAMES_PER_SECOND // RATE, longest)
        mel = self._model.feature_extractor(audio, padding=padding_s * RATE)
        mel = mel[:, : min(frames + padding_s * _FRAMES_PER_SECOND, longest)]
        return self._model.encode(np.ascontiguousarray(mel)), frames

    def _generate(
        self,
        encoded: object,
        start: list[int],
        room: int,
        tokenizer: Tokenizer,
        no_repeat_ngram_size: int = 0,
    ) -> tuple[list[int], float, float]:
        """Return the tokens, their mean log probability, and the probability of no speech."""
        (result,) = self._model.model.generate(
            encoded,
            [start],
            beam_size=_BEAM,
            no_repeat_ngram_size=no_repeat_ngram_size,
            max_length=min(len(start) + room, self._model.max_length),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        )
        tokens = list(result.sequences_ids[0])
        score = result.scores[0] * len(tokens) / (len(tokens) + 1)
        return tokens, float(score), float(result.no_speech_prob)

    def _words(
        self,
        encoded: object,
        tokens: list[int],
        tokenizer: Tokenizer,
        frames: int,
    ) -> tuple[TranscriptWord, ...]:
        text_tokens = [token for token in tokens if token < tokenizer.eot]
        (found,) = self._model.find_alignment(tokenizer, [text_tokens], encoded, frames) or ([],)
        merge_punctuations(found, _OPENING, _CLOSING)
        return tuple(
            TranscriptWord(
                text=self._readable(word["word"].strip(), tokenizer),
                start_ms=int(word["start"] * 1000),
                end_ms=int(word["end"] * 1000),
                confidence=round(float(word["probability"]), 3),
            )
            for word in found
            if word["word"].strip()
        )

    def _readable(self, text: str, tokenizer: Tokenizer) -> str:
        return str(self._simplify.convert(text)) if tokenizer.language_code == "zh" else text
