"""Turns the parts of a step into sound: recordings as they are, numbers piece by piece."""

from collections.abc import Mapping

from channels.voice.ivr.steps import Digits, Part, Prompt, Quantity
from channels.voice.leg import BYTES_PER_MS

DIGITS = tuple(f"digit_{digit}" for digit in range(10))
"""The recordings that spell a number: in Mandarin 1 is 幺 here."""
QUANTITIES = tuple(f"number_{number}" for number in (*range(21), *range(30, 100, 10)))
"""The recordings that count: 21 to 99 are put together from tens and units."""

# People write down three digits at a time; a pause this long lets them.
_GROUP = 3
_BETWEEN_DIGITS_MS = 120
_BETWEEN_GROUPS_MS = 450
BETWEEN_PROMPTS_MS = 250
_MOST = 99


def silence(milliseconds: int) -> bytes:
    """Return so much digital silence."""
    return bytes(milliseconds * BYTES_PER_MS)


class Prompts:
    """Recordings by language and name, as PCM; ``language`` is the one used when none is given."""

    def __init__(self, recordings: Mapping[str, Mapping[str, bytes]], language: str) -> None:
        self._recordings = {name: dict(known) for name, known in recordings.items()}
        self._language = language

    @property
    def languages(self) -> frozenset[str]:
        """The languages there are recordings in."""
        return frozenset(self._recordings)

    def __getitem__(self, name: str) -> bytes:
        return self._recordings[self._language][name]

    def render(self, part: Part, language: str | None = None) -> bytes:
        """Return how a part sounds; raises ``KeyError`` for a recording that was never loaded."""
        known = self._recordings[language or self._language]
        match part:
            case Prompt(name=name):
                return known[name]
            case Digits(digits=digits):
                return _spelled(digits, known)
            case Quantity(value=value):
                return _counted(value, known)

    def spelled(self, digits: str, language: str | None = None) -> bytes:
        """Return a number read digit by digit, in groups of three."""
        return self.render(Digits(digits=digits), language)


def _spelled(digits: str, known: Mapping[str, bytes]) -> bytes:
    spoken = bytearray()
    digits = "".join(digit for digit in digits if digit in "0123456789")
    for place, digit in enumerate(digits):
        if place:
            # A single last digit stays with the group before it.
            new_group = place % _GROUP == 0 and place != len(digits) - 1
            spoken += silence(_BETWEEN_GROUPS_MS if new_group else _BETWEEN_DIGITS_MS)
        spoken += known[f"digit_{digit}"]
    return bytes(spoken)


def _counted(value: int, known: Mapping[str, bytes]) -> bytes:
    value = min(max(value, 0), _MOST)
    if f"number_{value}" in known:
        return known[f"number_{value}"]
    return known[f"number_{value // 10 * 10}"] + known[f"number_{value % 10}"]
