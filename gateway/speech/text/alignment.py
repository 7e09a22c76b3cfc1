"""Carries word times over from the heard text to the written one."""

from collections.abc import Sequence

from gateway.domain.transcript import TranscriptWord
from gateway.speech.text.writing import Written


def aligned(
    words: Sequence[TranscriptWord], heard: str, form: Written
) -> tuple[TranscriptWord, ...]:
    """Return words whose texts are those of the written text.

    Words that were written as one number become one word, with the times of all of them and the
    least of their confidences. Words that are not those of ``heard`` are returned as they are.
    """
    places = _places(words, heard)
    if places is None:
        return tuple(words)
    merged: list[TranscriptWord] = []
    for group in _groups(places, form):
        first, last = places[group[0]], places[group[-1]]
        text = _written_between(form, heard, first.start, last.stop)
        chosen = [words[index] for index in group]
        merged.append(
            TranscriptWord(
                text=text,
                start_ms=chosen[0].start_ms,
                end_ms=chosen[-1].end_ms,
                confidence=_least(chosen),
            )
        )
    return tuple(merged)


def _places(words: Sequence[TranscriptWord], heard: str) -> list[range] | None:
    found: list[range] = []
    position = 0
    for word in words:
        start = heard.find(word.text, position)
        if start < 0 or not word.text:
            return None
        position = start + len(word.text)
        found.append(range(start, position))
    return found


def _groups(places: Sequence[range], form: Written) -> list[list[int]]:
    """Return the words' indexes, those that share a change together."""
    groups: list[list[int]] = []
    reach = -1
    for index, place in enumerate(places):
        if groups and place.start < reach:
            groups[-1].append(index)
        else:
            groups.append([index])
        for change in form.spans:
            if change.start < place.stop and place.start < change.end:
                reach = max(reach, change.end)
    return groups


def _written_between(form: Written, heard: str, start: int, end: int) -> str:
    parts: list[str] = []
    done = start
    for change in form.spans:
        if start <= change.start and change.end <= end:
            parts += (heard[done : change.start], change.text)
            done = change.end
    return "".join((*parts, heard[done:end]))


def _least(words: Sequence[TranscriptWord]) -> float | None:
    known = [word.confidence for word in words if word.confidence is not None]
    return min(known) if known else None
