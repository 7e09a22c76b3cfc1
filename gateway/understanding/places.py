"""Places of the city in the text: as they are written, or misheard as something that sounds alike.

A place is only ever suggested, with the very words it was found in. Nothing in the text changes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gateway.domain.draft import Suggestion
from gateway.understanding.clauses import Span
from gateway.understanding.passages import Passage
from gateway.understanding.sounds import Sound, likeness, readings, sounds_of

RULE = "rule:place-1"
WRITTEN = 0.7
HEARD = 0.6
SOUNDS_ALIKE = 0.5
"""Confidence of a place whose sound is exactly what was heard in other characters."""

MOST = 5
"""Places proposed for one draft."""

_KINDS = (
    *("街道办事处", "街道办", "居委会", "街道", "大街", "社区", "小区", "新村", "广场", "胡同"),
    *("路", "街", "巷", "镇", "乡", "村", "庄", "桥"),
)
_LEAST_SCORE = 0.75
_TIE = 0.03
_A_SYLLABLE_MORE = 0.04


@dataclass(frozen=True, slots=True)
class _Name:
    text: str
    sounds: tuple[Sound, ...]
    own: int
    """Syllables that are its own: those before 街道, 路 and the like."""
    stands_for: str


@dataclass(frozen=True, slots=True)
class _Hit:
    span: Span
    score: float
    place: str


class Places:
    """The places of one city, found by what they are called and by how they sound."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._exact: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._by_sound: dict[tuple[int, str, str], list[_Name]] = defaultdict(list)
        for name in dict.fromkeys(names):
            own = _own_length(name)
            self._add(name, own, stands_for=name)
            # People say 大观园 for 大观园街道. Two syllables alone would be found everywhere.
            if 3 <= own < len(name):
                self._add(name[:own], own, stands_for=name)
        for starts in self._exact.values():
            # A place of that very name comes before a longer one that is called so for short.
            starts.sort(key=lambda one: (-len(one[0]), one[0] != one[1]))

    def __bool__(self) -> bool:
        return bool(self._exact)

    def _add(self, text: str, own: int, *, stands_for: str) -> None:
        if len(text) < 2:
            return
        self._exact[text[:2]].append((text, stands_for))
        sounds = sounds_of(text)
        if len(sounds) < 3:
            return
        name = _Name(text=text, sounds=sounds, own=own, stands_for=stands_for)
        # Three pairs of the first syllables: any one of them may be misheard.
        for kind, (a, b) in enumerate(_PAIRS if own >= 3 else _PAIRS[:1]):
            self._by_sound[kind, sounds[a].alike, sounds[b].alike].append(name)

    def in_writing(self, text: str) -> Iterator[_Hit]:
        """Return the places named in ``text``, the longest of each."""
        done = 0
        for start in range(len(text) - 1):
            if start < done:
                continue
            for name, place in self._exact.get(text[start : start + 2], ()):
                if text.startswith(name, start):
                    done = start + len(name)
                    yield _Hit(Span(start, done), 1.0, place)
                    break

    def by_sound(self, text: str) -> list[_Hit]:
        """Return what sounds like a place in ``text``, the best of overlapping ones first."""
        heard = [readings(character) for character in text]
        found: dict[tuple[Span, str], _Hit] = {}
        for start in range(len(text)):
            for name in self._candidates(heard, start):
                span = Span(start, start + len(name.sounds))
                if span.end <= len(text) and (span, name.stands_for) not in found:
                    score = _score(name, text, heard, start)
                    if score >= _LEAST_SCORE:
                        key = (span, name.stands_for)
                        found[key] = _Hit(span, score, name.stands_for)
        return sorted(
            found.values(),
            key=lambda hit: (
                # A longer name that fits a little less explains more of what was said.
                -(hit.score + _A_SYLLABLE_MORE * (hit.span.end - hit.span.start)),
                hit.span,
                len(hit.place) - (hit.span.end - hit.span.start),
            ),
        )

    def _candidates(self, heard: Sequence[tuple[Sound, ...]], start: int) -> Iterator[_Name]:
        for kind, (a, b) in enumerate(_PAIRS):
            if start + b >= len(heard):
                return
            for first in {sound.alike for sound in heard[start + a]}:
                for second in {sound.alike for sound in heard[start + b]}:
                    yield from self._by_sound.get((kind, first, second), ())


_PAIRS = ((0, 1), (1, 2), (0, 2))


def suggestions(passages: Sequence[Passage], places: Places) -> Iterator[Suggestion]:
    """Return the places of the text, each once: the named ones first, then what sounds alike.

    Only what a recogniser heard is compared by sound. ``alternatives`` are other places that
    sound the same.
    """
    told: set[str] = set()
    for passage in passages:
        for hit in places.in_writing(passage.text):
            if hit.place not in told and len(told) < MOST:
                told.add(hit.place)
                confidence = HEARD if passage.spoken else WRITTEN
                yield _suggestion(passage, hit, confidence, ())
    for passage in passages:
        if passage.spoken:
            for hit, others in _best(places, passage.text):
                if hit.place not in told and len(told) < MOST:
                    told.add(hit.place)
                    yield _suggestion(
                        passage, hit, round(SOUNDS_ALIKE * hit.score, 3), tuple(others)
                    )


def _suggestion(
    passage: Passage, hit: _Hit, confidence: float, others: tuple[str, ...]
) -> Suggestion:
    return Suggestion(
        field="location.address",
        value=hit.place,
        confidence=confidence,
        by=RULE,
        status="suggested",
        evidence=(passage.quote(*hit.span),),
        alternatives=others or None,
    )


def _best(places: Places, text: str) -> Iterator[tuple[_Hit, list[str]]]:
    """Return the best hit of every stretch of text, and the places that are as good there."""
    taken = [hit.span for hit in places.in_writing(text)]
    hits = places.by_sound(text)
    for hit in hits:
        if not any(_overlap(hit.span, span) for span in taken):
            taken.append(hit.span)
            yield (
                hit,
                [
                    one.place
                    for one in hits
                    if one.span == hit.span
                    and one.place != hit.place
                    and hit.score - one.score <= _TIE
                ],
            )


def _score(name: _Name, text: str, heard: Sequence[tuple[Sound, ...]], start: int) -> float:
    """Return how much the characters at ``start`` sound like a name, 0 to 1."""
    total, missed, same = 0.0, 0, 0
    for offset, meant in enumerate(name.sounds):
        if text[start + offset] == name.text[offset]:
            total += 1.0
            same += 1
            continue
        best = max((likeness(said, meant) for said in heard[start + offset]), default=0.0)
        # One syllable may be quite wrong, but only where enough of the name's own are left.
        missed += best == 0.0
        if missed > (name.own >= 3 and offset < name.own and len(name.sounds) >= 4):
            return 0.0
        total += best
    # Three syllables of which no character is the name's are words of their own: 警示录, 经十路.
    if len(name.sounds) < 4 and not same:
        return 0.0
    return total / len(name.sounds)


def _own_length(name: str) -> int:
    for kind in _KINDS:
        if name.endswith(kind) and len(name) - len(kind) >= 2:
            return len(name) - len(kind)
    return len(name)


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
