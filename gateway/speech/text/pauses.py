"""Sets commas and full stops where a speaker paused, for engines that hear words only."""

from collections.abc import Sequence

from msgspec.structs import replace

from gateway.domain.transcript import TranscriptWord
from gateway.speech.text.writing import CHINESE

_COMMA_MS = 350
_STOP_MS = 900
_ASKING = ("吗", "么", "呢")
_MARKS = "，。、；：？！,.;:?!…"


def punctuated(words: Sequence[TranscriptWord], *, language: str) -> tuple[TranscriptWord, ...]:
    """Return the words with marks where the pauses are; the last one ends the sentence.

    Words that bear a mark already stay as they are, so an engine that punctuates loses nothing.
    """
    chinese = language.partition("-")[0].lower() in CHINESE
    marked = []
    for place, word in enumerate(words):
        later = words[place + 1].start_ms if place + 1 < len(words) else None
        pause = _STOP_MS if later is None else later - word.end_ms
        marked.append(replace(word, text=word.text + _mark(word.text, pause, chinese=chinese)))
    return tuple(marked)


def _mark(text: str, pause_ms: int, *, chinese: bool) -> str:
    if pause_ms < _COMMA_MS or not text or text[-1] in _MARKS:
        return ""
    if pause_ms < _STOP_MS:
        return "，" if chinese else ","
    if chinese:
        return "？" if text.endswith(_ASKING) else "。"
    return "."
