"""The seam below a leg: one audio line into Asterisk, whichever of the two wires carries it."""

from typing import Protocol

FRAME_BYTES = 320
"""20 ms; both wires carry signed 16-bit samples, 8000 a second."""


class Hears(Protocol):
    """Who a line reports to; called from the event loop, must return at once."""

    def heard(self, pcm: bytes) -> None:
        """Audio came in."""

    def pressed(self, key: str) -> None:
        """A key was pressed; Asterisk itself tells the same over ARI."""

    def played(self, playback: str) -> None:
        """A playback reached its end, or was taken back."""

    def line_lost(self) -> None:
        """The line ended, and not by our ``close``."""


class Line(Protocol):
    """One open audio line. Pacing and limits of the wire are its own business."""

    def play(self, playback: str, pcm: bytes) -> None:
        """Queue audio behind what is playing; ``played`` follows."""

    def clear(self) -> None:
        """Take back everything that was not heard; ``played`` follows for each of them."""

    def close(self) -> None:
        """End the line; harmless when it has ended."""


def whole_frames(pcm: bytes) -> bytes:
    """Fill the last frame with silence: half a frame is not played."""
    return pcm + bytes(-len(pcm) % FRAME_BYTES)
