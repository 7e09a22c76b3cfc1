"""Wake-ups make waiting short; without them it is only longer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from gateway.store.redis_wakeup import CHANNEL, RedisWakeup
from gateway.store.wakeup import LocalWakeup, Wakeup
from tests.peers.ports import free_port
from tests.peers.redis_server import running_redis

LONG = 3600.0
SOON = 0.01


class Notes(list[str]):
    def __call__(self, name: str, **_: object) -> None:
        self.append(name)


async def heard(wakeup: Wakeup, queue: str) -> None:
    """Return when a hint comes; fail when none does."""
    async with asyncio.timeout(20):
        await wakeup.wait(queue, LONG)


async def reaches(sender: Wakeup, receiver: Wakeup) -> None:
    """Repeat a hint until it arrives: each may be lost."""
    waiting = asyncio.create_task(heard(receiver, "q"))
    while not waiting.done():
        sender.notify("q")
        await asyncio.wait({waiting}, timeout=0.05)
    await waiting


@pytest.fixture
async def pair(redis_url: str) -> AsyncIterator[tuple[RedisWakeup, RedisWakeup]]:
    one, other = (RedisWakeup(redis_url, Notes(), pause_s=0.05) for _ in range(2))
    await one.open()
    await other.open()
    yield one, other
    await one.close()
    await other.close()


async def test_a_hint_wakes_whoever_waits_for_that_queue_and_nobody_else() -> None:
    wakeup = LocalWakeup()
    other = asyncio.create_task(wakeup.wait("other", LONG))
    waiting = asyncio.create_task(heard(wakeup, "q"))
    await asyncio.sleep(0)
    wakeup.notify("q")
    await waiting
    assert not other.done()
    other.cancel()


async def test_a_hint_given_while_nobody_waits_is_kept_for_the_next_wait() -> None:
    wakeup = LocalWakeup()
    wakeup.notify("q")
    wakeup.notify("q")
    await heard(wakeup, "q")
    second = asyncio.create_task(wakeup.wait("q", LONG))
    await asyncio.sleep(0)
    assert not second.done()
    second.cancel()


async def test_waiting_ends_without_a_hint() -> None:
    async with asyncio.timeout(20):
        await LocalWakeup().wait("q", SOON)


@pytest.mark.redis
async def test_a_hint_reaches_other_processes_and_the_own_one(
    pair: tuple[RedisWakeup, RedisWakeup],
) -> None:
    one, other = pair
    await reaches(one, other)
    await reaches(other, one)
    one.notify("own")
    await heard(one, "own")


@pytest.mark.redis
async def test_nobody_is_woken_a_second_time_by_the_own_hint(
    pair: tuple[RedisWakeup, RedisWakeup],
) -> None:
    one, other = pair
    await reaches(one, other)
    one.notify("mine")
    await heard(one, "mine")
    again = asyncio.create_task(one.wait("mine", LONG))
    await reaches(one, other)  # by then the own hint has come back as well
    assert not again.done()
    again.cancel()


@pytest.mark.redis
async def test_a_killed_redis_is_noted_once_harms_nobody_and_is_used_again() -> None:
    notes = Notes()
    with running_redis() as server:
        one = RedisWakeup(server.url, notes, pause_s=0.05)
        other = RedisWakeup(server.url, Notes(), pause_s=0.05)
        await one.open()
        await other.open()
        await reaches(one, other)
        assert notes == []

        server.kill()
        for _ in range(20):
            one.notify("q")
            await heard(one, "q")
            await asyncio.sleep(SOON)
        server.start()
        await reaches(one, other)
        await reaches(other, one)
        await one.close()
        await other.close()
    assert notes == ["wakeup.redis_away", "wakeup.redis_back"]


async def test_a_redis_that_was_never_there_is_noted_once() -> None:
    notes = Notes()
    wakeup = RedisWakeup(f"redis://127.0.0.1:{free_port()}/0", notes, pause_s=SOON)
    await wakeup.open()
    async with asyncio.timeout(20):
        while not notes:
            wakeup.notify("q")
            await asyncio.sleep(SOON)
    await asyncio.sleep(5 * SOON)
    await wakeup.close()
    assert notes == ["wakeup.redis_away"]


async def test_a_redis_that_is_frozen_is_given_up() -> None:
    """A server that accepts and never answers, as one that is stopped or cut off does."""

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    stuck = await asyncio.start_server(ignore, "127.0.0.1", 0)
    port = stuck.sockets[0].getsockname()[1]
    notes = Notes()
    wakeup = RedisWakeup(f"redis://127.0.0.1:{port}/0", notes, pause_s=SOON, quiet_s=SOON)
    await wakeup.open()
    async with asyncio.timeout(20):
        while not notes:
            await asyncio.sleep(SOON)
    await wakeup.close()
    stuck.close()
    await stuck.wait_closed()
    assert notes == ["wakeup.redis_away"]


@pytest.mark.redis
async def test_what_strangers_publish_does_no_harm(
    pair: tuple[RedisWakeup, RedisWakeup], redis_url: str
) -> None:
    client: Redis = Redis.from_url(redis_url)
    for nonsense in ("", " ", "no-space", "\x00\xff"):
        await client.publish(CHANNEL, nonsense)
    await client.publish(CHANNEL, b"\xff\xfe not text")
    await client.aclose()
    await reaches(*pair)
