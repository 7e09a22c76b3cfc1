"""Carries calls' live news between processes over Redis; without it each shows its own calls."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gateway.web.live import LiveHub

CHANNEL = "hotline:live"


@asynccontextmanager
async def relayed(hub: LiveHub, url: str | None, note: Callable[..., None]) -> AsyncIterator[None]:
    """Join this process's news with those of all others on the Redis at ``url``, if there is one.

    ``note`` is told once when Redis goes away and once when it is back.
    """
    if url is None:
        yield
        return
    from gateway.store.redis_line import RedisLine

    def connected(why: Exception | None) -> None:
        if why is None:
            note("live.redis_back")
        else:
            note("live.redis_away", why=type(why).__name__)

    line = RedisLine(url, CHANNEL, hub.hear, connected)
    await line.open()
    hub.relay = line.say
    try:
        yield
    finally:
        hub.relay = None
        await line.close()
