"""Wake-ups: a hint that a queue has news. Every one may be lost; polling finds the work anyway."""

import asyncio
from contextlib import suppress
from typing import Protocol


class Wakeup(Protocol):
    """Carries hints between those who add work and those who do it."""

    def notify(self, queue: str) -> None:
        """Hint that a queue has news; never fails and never waits."""

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Return at a hint for this queue, or after ``timeout_s`` seconds."""


class LocalWakeup:
    """Hints within one process."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}

    def notify(self, queue: str) -> None:
        """Wake whoever waits for this queue, now or with its next wait."""
        self._event(queue).set()

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Wait for the next hint."""
        event = self._event(queue)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await event.wait()
        event.clear()

    def _event(self, queue: str) -> asyncio.Event:
        event = self._events.get(queue)
        if event is None:
            event = self._events[queue] = asyncio.Event()
        return event
