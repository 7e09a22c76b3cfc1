"""Shows how recognition gets on: how long work waits for a decoder, and what is left out."""

from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Histogram

from gateway.telemetry.notes import Notes

_BOUNDS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class SpeechMeter:
    """A ``Watch`` of the speech room that counts, measures and logs."""

    notes: Notes
    waits: Histogram

    @classmethod
    def of(cls, notes: Notes, registry: CollectorRegistry) -> Self:
        """Return one whose histogram lives in ``registry``."""
        waits = Histogram(
            "hotline_speech_wait_seconds",
            "How long an utterance waited for a decoder",
            registry=registry,
            buckets=_BOUNDS_S,
        )
        return cls(notes, waits)

    def waited(self, seconds: float) -> None:
        """Take how long a piece of work waited for a decoder."""
        self.waits.observe(seconds)

    def note(self, name: str, *, room: str | None = None) -> None:
        """Count something, and log it; ``room`` is the room there is from now on."""
        if room is None:
            self.notes(name)
        else:
            self.notes(name, room=room)
