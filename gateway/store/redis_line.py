"""Short messages to every other process on the same Redis: pub/sub, so each of them may be lost.

Nothing waits for Redis and nothing fails with it: what cannot be passed on is forgotten.
"""

import asyncio
from collections.abc import Callable
from secrets import token_hex

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

MOST_UNSENT = 1_000

_ANSWER_LIMIT_S = 2.0
_AWAY = (RedisError, OSError, TimeoutError)


class RedisLine:
    """One pub/sub channel; ``hear`` is given what other processes say, never one's own words.

    ``connected`` is told of a change of the connection: once when Redis goes away, with the
    reason, and once when it is back. ``pause_s`` lies between two attempts to connect; after
    ``quiet_s`` without a message the server is asked for a sign of life.
    """

    def __init__(
        self,
        url: str,
        channel: str,
        hear: Callable[[bytes], None],
        connected: Callable[[Exception | None], None],
        *,
        pause_s: float = 1.0,
        quiet_s: float = 5.0,
    ) -> None:
        self._client: Redis = Redis.from_url(
            url,
            socket_connect_timeout=_ANSWER_LIMIT_S,
            socket_timeout=_ANSWER_LIMIT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._channel = channel
        self._heard = hear
        self._tell = connected
        self._pause_s = pause_s
        self._quiet_s = quiet_s
        self._me = token_hex(8).encode()
        self._unsent: dict[bytes, None] = {}
        self._has_unsent = asyncio.Event()
        self._connected: bool | None = None
        self._closed = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start sending and listening; does not wait for Redis to be there."""
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        """Stop."""
        self._closed = True  # the client has been seen to swallow a cancellation in mid-command
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def say(self, message: bytes) -> bool:
        """Pass a message on, in order, at once; equal ones that are still unsent go as one.

        False when the oldest unsent message had to be forgotten for it.
        """
        self._unsent[message] = None
        room = len(self._unsent) <= MOST_UNSENT
        if not room:
            del self._unsent[next(iter(self._unsent))]
        self._has_unsent.set()
        return room

    async def _send(self) -> None:
        while not self._closed:
            await self._has_unsent.wait()
            self._has_unsent.clear()
            messages, self._unsent = self._unsent, {}
            try:
                for message in messages:
                    await self._client.publish(self._channel, self._me + b" " + message)
            except _AWAY as error:
                self._now(connected=False, why=error)

    async def _listen(self) -> None:
        while not self._closed:
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(self._channel)
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
                sender, _, words = bytes(message["data"]).partition(b" ")
                if sender != self._me:
                    self._heard(words)

    def _now(self, *, connected: bool, why: Exception | None = None) -> None:
        """Tell of a change of the connection, and only of a change."""
        before, self._connected = self._connected, connected
        if connected != before and not (connected and before is None):
            self._tell(None if connected else why or ConnectionError())
