"""Wake-ups between processes over Redis pub/sub; without Redis every worker still polls.

Nothing waits for Redis and nothing fails with it: a hint that cannot be passed on is forgotten, and
the work it was about is found at the next poll.
"""

import asyncio
from collections.abc import Callable
from secrets import token_hex

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.store.wakeup import LocalWakeup

CHANNEL = "hotline:wake"

_ANSWER_LIMIT_S = 2.0
_AWAY = (RedisError, OSError, TimeoutError)


class RedisWakeup:
    """Hints within this process and to every other process on the same Redis.

    ``note`` is told once when Redis goes away and once when it is back. ``pause_s`` lies between
    two attempts to connect; after ``quiet_s`` without a message the server is asked for a sign of
    life.
    """

    def __init__(
        self, url: str, note: Callable[..., None], *, pause_s: float = 1.0, quiet_s: float = 5.0
    ) -> None:
        self._local = LocalWakeup()
        self._client: Redis = Redis.from_url(
            url,
            socket_connect_timeout=_ANSWER_LIMIT_S,
            socket_timeout=_ANSWER_LIMIT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._note = note
        self._pause_s = pause_s
        self._quiet_s = quiet_s
        self._me = token_hex(8)
        self._unsent: set[str] = set()
        self._has_unsent = asyncio.Event()
        self._connected: bool | None = None
        self._closed = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start passing hints on; does not wait for Redis to be there."""
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        """Stop."""
        self._closed = True  # the client has been seen to swallow a cancellation in mid-command
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def notify(self, queue: str) -> None:
        """Wake whoever waits for this queue, here and elsewhere."""
        self._local.notify(queue)
        self._unsent.add(queue)
        self._has_unsent.set()

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Wait for the next hint from anywhere."""
        await self._local.wait(queue, timeout_s)

    async def _send(self) -> None:
        while not self._closed:
            await self._has_unsent.wait()
            self._has_unsent.clear()
            queues, self._unsent = self._unsent, set()
            try:
                for queue in queues:
                    await self._client.publish(CHANNEL, f"{self._me} {queue}")
            except _AWAY as error:
                self._now(connected=False, why=error)

    async def _listen(self) -> None:
        while not self._closed:
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    await self._hear(subscription)
            except _AWAY as error:
                self._now(connected=False, why=error)
            await asyncio.sleep(self._pause_s)

    async def _hear(self, subscription: PubSub) -> None:
        asked = False
        while not self._closed:
            message = await subscription.get_message(timeout=self._quiet_s)
            if message is None:
                if asked:
                    raise TimeoutError("no answer to a ping")
                asked = True
                await subscription.ping()
                continue
            asked = False
            self._now(connected=True)
            if message["type"] == "message":
                sender, _, queue = message["data"].decode(errors="replace").partition(" ")
                if sender != self._me:
                    self._local.notify(queue)

    def _now(self, *, connected: bool, why: Exception | None = None) -> None:
        """Note a change of the connection, and only a change."""
        if connected == self._connected or (connected and self._connected is None):
            self._connected = connected
            return
        self._connected = connected
        if connected:
            self._note("wakeup.redis_back")
        else:
            self._note("wakeup.redis_away", why=type(why).__name__)
