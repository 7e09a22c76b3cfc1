"""What works in the background, and how it is kept at it until it is told to stop."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.channel.contract import SourceChannel
from gateway.channel.ports import Sink

_PAUSE_S = 1.0


class Working(Protocol):
    """Something that works in the background until it is told to stop."""

    async def run(self) -> None:
        """Work until ``stop``."""

    def stop(self) -> None:
        """Finish what is in hand and let ``run`` return."""


class Listening:
    """A channel that fetches or listens itself, as something that works until it is stopped."""

    def __init__(self, source: SourceChannel, sink: Sink) -> None:
        self._source = source
        self._sink = sink
        self._stopped = False
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Let the source run; returns once it was stopped and has finished what it had in hand."""
        self._task = asyncio.create_task(self._source.run(self._sink))
        if self._stopped:
            self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            if not self._stopped:
                raise

    def stop(self) -> None:
        """Cancel the source."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()


async def kept_running(
    worker: Working, *, note: Callable[..., None], pause_s: float = _PAUSE_S
) -> None:
    """Run a worker until it is told to stop; one that ends by a fault begins again."""
    while True:
        try:
            await worker.run()
        except Exception as error:  # without it, its queue would stand still and nobody would know
            note("worker.died", why=type(error).__name__, error=error)
        else:
            return
        await asyncio.sleep(pause_s)
