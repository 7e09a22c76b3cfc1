"""The present moment of a call, and the bell that wakes whoever leads it.

Time is counted in the caller's own audio, so nothing depends on how fast the audio comes.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from channels.voice.call.cause import Cause, Trouble
from channels.voice.call.hearing import Hearing
from channels.voice.call.keypad import Keypad
from channels.voice.leg import Connection

_NEWS_KEPT = 100


class Line:
    """What was heard, pressed and went wrong so far; one task waits here, the others ring."""

    def __init__(self, keypad: Keypad) -> None:
        self.hearing = Hearing()
        self.keypad = keypad
        self.connections: deque[Connection] = deque(maxlen=_NEWS_KEPT)
        self.trouble: Cause | None = None
        self._bell = asyncio.Event()

    @property
    def now(self) -> int:
        """How much of the caller was heard, in milliseconds."""
        return self.hearing.now

    def ring(self) -> None:
        """Let the waiting task look again."""
        self._bell.set()

    def fail(self, cause: Cause) -> None:
        """Note that the conversation cannot go on; the first reason counts."""
        self.trouble = self.trouble or cause
        self._bell.set()

    async def until(
        self, condition: Callable[[], bool], *, despite: frozenset[Cause] = frozenset()
    ) -> None:
        """Wait until ``condition`` holds; raises ``Trouble``, but for the causes in ``despite``."""
        while not condition():
            if self.trouble and self.trouble not in despite:
                raise Trouble(self.trouble)
            self._bell.clear()
            await self._bell.wait()
