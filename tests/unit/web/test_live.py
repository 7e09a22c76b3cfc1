"""News reaches every watcher who wants it; nobody who is slow or gone costs a call anything."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from gateway.channel.ports import LiveNews
from gateway.web.live import (
    MOST_WAITING,
    MOST_WATCHERS,
    NEWS_LIMIT,
    REMEMBERED,
    LiveDocument,
    LiveHub,
    LiveMeter,
    TooManyWatchers,
    Wanted,
    Watcher,
)

AT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
ALL = Wanted()


def news(type_: str = "transcript.partial", call: str = "CA1", **more: Any) -> LiveNews:
    return LiveNews(type=type_, conversation=call, at=AT, **more)


@pytest.fixture
def registry() -> CollectorRegistry:
    """Where the hub counts."""
    return CollectorRegistry()


@pytest.fixture
def hub(registry: CollectorRegistry) -> LiveHub:
    """The hub of one process."""
    return LiveHub(epoch="e", meter=LiveMeter(registry))


async def seen(watcher: Watcher) -> list[dict[str, Any]]:
    return [msgspec.json.decode(one.body) for one in await watcher.take(0)]


def count(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, labels) or 0.0


async def test_one_stream_shows_every_call(hub: LiveHub) -> None:
    with hub.watched(ALL) as watcher:
        for number in range(3):
            hub.tell(news(call=f"CA{number}", data={"text": "路灯"}))
        found = await seen(watcher)
    assert [one["conversation"] for one in found] == ["CA0", "CA1", "CA2"]
    assert found[0] == {
        "type": "transcript.partial",
        "at": "2026-11-21T04:00:00Z",
        "conversation": "CA0",
        "data": {"text": "路灯"},
    }


@pytest.mark.parametrize(
    ("wanted", "calls"),
    [
        (Wanted(types=("transcript.*",)), ["CA1", "CA2"]),
        (Wanted(types=("call.node",)), ["CA1"]),
        (Wanted(types=("*",)), ["CA1", "CA2", "CA1"]),
        (Wanted(conversations=frozenset({"CA1"})), ["CA1", "CA1"]),
        (Wanted(drafts=frozenset({"D2"})), ["CA2"]),
        (Wanted(types=("call.*",), drafts=frozenset({"D2"})), []),
    ],
)
async def test_a_watcher_sees_what_it_wants(hub: LiveHub, wanted: Wanted, calls: list[str]) -> None:
    with hub.watched(wanted) as watcher:
        hub.tell(news(call="CA1", draft_id="D1"))
        hub.tell(news(call="CA2", draft_id="D2"))
        hub.tell(news("call.node", call="CA1", draft_id="D1"))
        assert [one["conversation"] for one in await seen(watcher)] == calls


async def test_what_the_feed_tells_comes_from_the_feed_alone(hub: LiveHub) -> None:
    with hub.watched(ALL) as watcher:
        hub.tell(news("call.started"))
        assert await seen(watcher) == []
        hub.show(LiveDocument(type="call.started", at=AT))
        assert [one["type"] for one in await seen(watcher)] == ["call.started"]


async def test_a_slow_watcher_loses_the_oldest_news_and_is_told_how_many(
    hub: LiveHub, registry: CollectorRegistry
) -> None:
    with hub.watched(ALL) as slow, hub.watched(ALL) as quick:
        for number in range(MOST_WAITING + 3):
            hub.tell(news(data={"n": number}))
            if number % 100 == 0:
                await quick.take(0)
        assert slow.told_of_loss() == 3
        assert slow.told_of_loss() == 0
        assert (await seen(slow))[0]["data"] == {"n": 3}
        assert quick.told_of_loss() == 0
    assert count(registry, "hotline_live_lost_total", why="slow") == 3


async def test_who_comes_back_is_told_what_came_meanwhile(hub: LiveHub) -> None:
    for number in range(5):
        hub.tell(news(data={"n": number}))
    with hub.watched(Wanted(conversations=frozenset({"CA1"})), "e-3") as watcher:
        assert [one["data"]["n"] for one in await seen(watcher)] == [3, 4]
        assert watcher.told_of_loss() == 0


async def test_who_was_away_too_long_is_told_so_and_gets_what_is_left(hub: LiveHub) -> None:
    for number in range(REMEMBERED + 10):
        hub.tell(news(data={"n": number}))
    with hub.watched(ALL, "e-4") as watcher:
        assert watcher.told_of_loss() > 0
    with hub.watched(ALL, f"e-{REMEMBERED + 8}") as watcher:
        assert watcher.told_of_loss() == 0
        assert len(await seen(watcher)) == 2


@pytest.mark.parametrize(
    "after", ["other-3", "e-999", "e-", "e-x", "-1", "", "e-٣", "e-" + "9" * 99]
)
async def test_an_id_of_another_process_means_that_something_was_lost(
    hub: LiveHub, after: str
) -> None:
    hub.tell(news())
    with hub.watched(ALL, after) as watcher:
        assert watcher.told_of_loss() > 0


async def test_a_time_in_which_nobody_followed_the_feed_counts_as_lost(hub: LiveHub) -> None:
    hub.tell(news())
    hub.tell(news())
    hub.feed_was_not_followed()
    with hub.watched(ALL, "e-1") as watcher:
        assert watcher.told_of_loss() > 0
    with hub.watched(ALL, "e-2") as watcher:
        assert watcher.told_of_loss() == 0


@pytest.mark.parametrize(
    "unfit",
    [
        news(data={"text": object()}),
        news(data={"text": "x" * NEWS_LIMIT}),
        news("a type\nevent: forged"),
        news("nofamily"),
    ],
)
async def test_news_that_cannot_be_shown_is_lost_and_nothing_else(
    hub: LiveHub, registry: CollectorRegistry, unfit: LiveNews
) -> None:
    with hub.watched(ALL) as watcher:
        hub.tell(unfit)
        hub.tell(news())
        assert len(await seen(watcher)) == 1
    assert count(registry, "hotline_live_lost_total", why="unfit") == 1


async def test_news_of_another_process_is_shown_and_not_passed_on(hub: LiveHub) -> None:
    passed_on: list[bytes] = []

    def relay(body: bytes) -> bool:
        passed_on.append(body)
        return True

    hub.relay = relay
    with hub.watched(ALL) as watcher:
        hub.hear(b'{"type":"call.node","at":"2026-11-21T04:00:00Z","conversation":"CA9"}')
        assert [one["conversation"] for one in await seen(watcher)] == ["CA9"]
        assert passed_on == []
        hub.tell(news())
        assert len(passed_on) == 1


@pytest.mark.parametrize(
    "words",
    [b"", b"{", b'{"type":"call.node"}', b'{"type":"a\\nb","at":"2026-11-21T04:00:00Z"}', b"\xff"],
)
async def test_what_is_no_news_is_dropped(hub: LiveHub, words: bytes) -> None:
    with hub.watched(ALL) as watcher:
        hub.hear(words)
        assert await seen(watcher) == []


async def test_what_the_relay_could_not_take_is_counted(
    hub: LiveHub, registry: CollectorRegistry
) -> None:
    hub.relay = lambda body: False
    hub.tell(news())
    assert count(registry, "hotline_live_lost_total", why="relay") == 1


async def test_watchers_are_counted_and_bounded(hub: LiveHub, registry: CollectorRegistry) -> None:
    opened = [hub.watched(ALL) for _ in range(MOST_WATCHERS)]
    for one in opened:
        one.__enter__()
    assert count(registry, "hotline_live_watchers") == MOST_WATCHERS
    with pytest.raises(TooManyWatchers), hub.watched(ALL):
        pass
    for one in opened:
        one.__exit__(None, None, None)
    assert count(registry, "hotline_live_watchers") == 0


async def test_a_hub_that_closes_ends_its_streams_and_takes_no_more(hub: LiveHub) -> None:
    with hub.watched(ALL) as watcher:
        hub.close()
        assert await watcher.take(3600) == []
        assert watcher.closed
    with pytest.raises(TooManyWatchers), hub.watched(ALL):
        pass
