"""Named points between two steps, so that a test can stop the world exactly there.

In production nothing happens at them. The failure tests hand in a function that kills the process.
"""

from collections.abc import Callable

Reach = Callable[[str], None]


def no_step(name: str) -> None:
    """Go on: the ordinary behaviour at every named point."""
