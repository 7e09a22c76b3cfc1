"""The keys a caller pressed and nobody has taken yet: who knows the menu may type ahead."""

from collections import deque
from collections.abc import Collection

AHEAD = 32
"""Keys that may wait; whoever presses more than a number's worth ahead does not mean them."""
DIGITS_KEPT = 64


class Keypad:
    """Keys in order; a flood of them fills nothing but this."""

    def __init__(self, digits: str = "") -> None:
        self._waiting: deque[str] = deque()
        self.digits = digits
        """All keys of the call, as the draft shows them."""

    def __len__(self) -> int:
        return len(self._waiting)

    def press(self, key: str) -> None:
        """Take a key in; what is too many is dropped."""
        if len(self.digits) < DIGITS_KEPT:
            self.digits += key
        if len(self._waiting) < AHEAD:
            self._waiting.append(key)

    def holds(self, keys: Collection[str]) -> bool:
        """Tell whether one of these keys waits to be taken."""
        return any(key in keys for key in self._waiting)

    def take(self) -> str:
        """Return the oldest key; raises ``IndexError`` when none waits."""
        return self._waiting.popleft()

    def forget(self, *, after: int = 0) -> None:
        """Drop the keys behind the first ``after``."""
        while len(self._waiting) > after:
            self._waiting.pop()
