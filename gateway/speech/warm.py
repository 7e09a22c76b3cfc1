"""Keeps Kaldi's recognisers that have heard speech, for the next utterance.

A recogniser composes its graph while it hears, and keeps what it composed: a new one spends about
three times the CPU time on the same sentence, whoever said the sentences before. It holds nothing
of a caller: the sound, the words and what it learned of a voice go when an utterance is finished.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.speech.endpointing import RATE

# The composed graph of one recogniser grows by up to a megabyte for each second it hears.
_RETIRED_AT = 300 * RATE
_IDLE = 4


@dataclass(slots=True)
class Warm:
    """A recogniser, and how many samples it heard: it goes on to count its times from them."""

    recogniser: Any
    heard: int = 0


class WarmRecognisers:
    """Recognisers of one model that wait for an utterance; any thread may take one."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._idle: deque[Warm] = deque(maxlen=_IDLE)

    def take(self) -> Warm:
        """Return the one that heard last, whose graph is the most complete, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return Warm(self._make())

    def give_back(self, finished: Warm) -> None:
        """Keep one for later whose utterance is finished; one that heard enough is let go."""
        if finished.heard < _RETIRED_AT:
            self._idle.append(finished)
