"""The one step between an engine's text and what people read; every engine goes through it."""

import re
from dataclasses import replace
from types import MappingProxyType

import opencc
from msgspec.structs import replace as with_text

from gateway.domain.transcript import TranscriptWord
from gateway.speech.engine import Decoded
from gateway.speech.text.alignment import aligned
from gateway.speech.text.guard import Guard
from gateway.speech.text.pauses import punctuated
from gateway.speech.text.writing import CHINESE, written

_WIDE = MappingProxyType(dict(zip(",?!:;", "，？！：；", strict=True)))
# Whisper writes both kinds. A mark after a figure or a Latin word stays as it is.
_NARROW_MARK = re.compile(r"(?<=[一-鿿])[,?!:;]")


class TextForm:
    """Writes what an engine heard as people do; built once for a recogniser.

    ``guard`` holds the names of the city. ``text_raw`` is never touched.
    """

    def __init__(self, guard: Guard | None = None) -> None:
        self._guard = guard or Guard()
        self._simplify = opencc.OpenCC("t2s")

    def __call__(self, decoded: Decoded, *, language: str, punctuation: bool) -> Decoded:
        """Return the same utterance with ``text`` and ``words`` as people write them.

        ``punctuation``: the engine sets its own marks. The words of one that does not are joined
        with marks where the speaker paused.
        """
        text, heard = decoded.text, decoded.words
        if language.partition("-")[0].lower() in CHINESE:
            text = self._chinese(text)
            heard = tuple(with_text(word, text=self._chinese(word.text)) for word in heard)
        form = written(text, language, self._guard)
        words = aligned(heard, text, form)
        if punctuation or not words:
            return replace(decoded, text=form.text, words=words)
        marked = punctuated(words, language=language)
        return replace(decoded, text=_with_marks(form.text, words, marked), words=marked)

    def _chinese(self, text: str) -> str:
        """Return simplified characters, with the wide marks that stand between them."""
        simplified = str(self._simplify.convert(text))
        return _NARROW_MARK.sub(lambda mark: _WIDE[mark[0]], simplified)


def _with_marks(
    text: str, words: tuple[TranscriptWord, ...], marked: tuple[TranscriptWord, ...]
) -> str:
    """Put the marks of the words into the text they are words of."""
    parts: list[str] = []
    done = 0
    for word, new in zip(words, marked, strict=True):
        start = text.find(word.text, done)
        if start < 0:
            return text
        end = start + len(word.text)
        parts += (text[done:start], new.text)
        done = end
    return "".join((*parts, text[done:]))
