"""Finds what a decoding left out: Whisper may stop after one sentence though somebody speaks on.

Asked for a transcript without time marks, the model ends it where it likes, mostly where the voice
pauses for a moment or another voice comes in. What shows it is the last word: it begins long
before the sound ends. The rest is then decoded on its own.
"""

from dataclasses import replace

import numpy as np
from msgspec import structs

from gateway.domain.transcript import TranscriptWord
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decode, Decoded

# Of 48 pairs of sentences and 30 single ones, the last word began at most 1.3 s before the end
# where all was written, and at least 2.2 s where a sentence was missing.
_LONGEST_LAST_WORD_S = 1.8
_CUT_AFTER_S = 0.15
_CUT_WITHIN_S = 1.5
_STRETCH = RATE // 10
# Air and breath after the last word are no voice.
_LOUD = 0.1


def covering(decode: Decode, *, spaced: bool) -> Decode:
    """Return a decoding that also decodes what ``decode`` left out, until nothing is.

    ``spaced`` tells whether the language puts spaces between words.
    """

    def whole(audio: Samples) -> Decoded | None:
        decoded = decode(audio)
        cut = _left_out(audio, decoded.words) if decoded is not None else None
        if decoded is None or cut is None:
            return decoded
        rest = whole(audio[cut:])
        return decoded if rest is None else _joined(decoded, cut, rest, spaced=spaced)

    return whole


def _left_out(audio: Samples, words: tuple[TranscriptWord, ...]) -> int | None:
    """Return the sample at which the part without words begins; None when there is no such part."""
    if not words:
        return None
    begun = words[-1].start_ms * RATE // 1000
    if len(audio) - begun < _LONGEST_LAST_WORD_S * RATE:
        return None
    first = begun + int(_CUT_AFTER_S * RATE)
    within = audio[first : begun + int(_CUT_WITHIN_S * RATE)]
    cut = first + int(np.argmin(_levels(within))) * _STRETCH
    before, rest = _levels(audio[:cut]), _levels(audio[cut:])
    return cut if rest.max() > _LOUD * before.max() else None


def _joined(before: Decoded, cut: int, rest: Decoded, *, spaced: bool) -> Decoded:
    """Return one text of what was understood before sample ``cut`` and after it."""
    at = cut * 1000 // RATE
    *others, last = before.words
    space = " " if spaced else ""
    return replace(
        before,
        text_raw=f"{before.text_raw}{space}{rest.text_raw}",
        text=f"{before.text}{space}{rest.text}",
        confidence=_less(before.confidence, rest.confidence),
        words=(
            *others,
            structs.replace(last, end_ms=min(last.end_ms, at)),
            *(
                structs.replace(word, start_ms=word.start_ms + at, end_ms=word.end_ms + at)
                for word in rest.words
            ),
        ),
    )


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else min(one, other)


def _levels(audio: Samples) -> Samples:
    """Return how loud each tenth of a second is; a shorter rest does not count."""
    whole = max(len(audio) // _STRETCH, 1) * _STRETCH
    stretches = np.resize(audio, whole).reshape(-1, _STRETCH)
    return np.asarray(np.sqrt(np.mean(np.square(stretches), axis=1)), np.float32)
