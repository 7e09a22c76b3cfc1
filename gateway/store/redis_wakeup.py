"""Wake-ups between processes over Redis pub/sub; without Redis every worker still polls.

A hint that cannot be passed on is forgotten, and the work it was about is found at the next poll.
"""

from collections.abc import Callable

from gateway.store.redis_line import RedisLine
from gateway.store.wakeup import LocalWakeup

CHANNEL = "hotline:wake"


class RedisWakeup:
    """Hints within this process and to every other process on the same Redis.

    ``note`` is told once when Redis goes away and once when it is back. The pauses are those of
    ``RedisLine``.
    """

    def __init__(
        self, url: str, note: Callable[..., None], *, pause_s: float = 1.0, quiet_s: float = 5.0
    ) -> None:
        self._local = LocalWakeup()
        self._note = note
        self._line = RedisLine(
            url, CHANNEL, self._hear, self._connected, pause_s=pause_s, quiet_s=quiet_s
        )

    async def open(self) -> None:
        """Start passing hints on; does not wait for Redis to be there."""
        await self._line.open()

    async def close(self) -> None:
        """Stop."""
        await self._line.close()

    def notify(self, queue: str) -> None:
        """Wake whoever waits for this queue, here and elsewhere."""
        self._local.notify(queue)
        self._line.say(queue.encode())

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Wait for the next hint from anywhere."""
        await self._local.wait(queue, timeout_s)

    def _hear(self, queue: bytes) -> None:
        self._local.notify(queue.decode(errors="replace"))

    def _connected(self, why: Exception | None) -> None:
        if why is None:
            self._note("wakeup.redis_back")
        else:
            self._note("wakeup.redis_away", why=type(why).__name__)
