"""Once and only once: redeliveries are known, and what is not one is never taken for it."""

import asyncio
import tempfile
from pathlib import Path

from gateway.channel import RawRequest
from gateway.domain.intake import Ignored
from tests.contract.kit.channel_under_test import ChannelUnderTest
from tests.contract.kit.core import is_success, running
from tests.contract.kit.office import TurnedClock
from tests.contract.kit.rule import Rule

AT_ONCE = 20
_ONE_ID = "SM" + "1" * 32
_HOUR = 3600


async def stores_simultaneous_redeliveries_once(channel: ChannelUnderTest) -> None:
    """Twenty redeliveries at the same moment are acknowledged twenty times and stored once."""
    async with running(channel) as core:
        raw = channel.text(message_id=_ONE_ID)
        again = [channel.provider.signed(raw) for _ in range(AT_ONCE)]
        replies = await asyncio.gather(*map(core.receive, again))
        assert all(map(is_success, replies))
        await core.office.assemble()
        assert await core.stored() == 1
        assert len(await core.drafts()) == 1


async def knows_a_redelivery_after_a_day(channel: ChannelUnderTest) -> None:
    """A redelivery after a restart, and 25 hours later, is still the same message."""
    clock = TurnedClock(channel.clock.now())
    raw = channel.text(message_id=_ONE_ID)
    with tempfile.TemporaryDirectory() as folder:
        url = channel.core.store_url or f"sqlite:///{Path(folder) / 'kit.db'}"
        for wait in (0, 60, 25 * _HOUR):
            clock.turn(wait)
            async with running(channel, store_url=url, clock=clock) as core:
                await core.takes(channel.provider.signed(raw))
                assert await core.stored() == 1, f"{wait} seconds later"
                assert len(await core.drafts()) == 1


async def keeps_citizens_apart(channel: ChannelUnderTest) -> None:
    """The same provider id from another citizen is another message: ids collide across users."""
    first, second = channel.conformance.senders
    async with running(channel) as core:
        await core.takes(
            channel.provider.message("路灯不亮", sender=first, message_id=_ONE_ID),
            channel.provider.message("路灯不亮", sender=second, message_id=_ONE_ID),
        )
        assert await core.stored() == 2
        assert len(await core.drafts()) == 2


async def flags_a_reused_id(channel: ChannelUnderTest) -> None:
    """The same id with other words is a new message, and its draft says so."""
    async with running(channel) as core:
        await core.takes(
            channel.text("路灯不亮", message_id=_ONE_ID),
            channel.text("井盖坏了，有人掉下去了", message_id=_ONE_ID),
        )
        assert await core.stored() == 2
        assert await core.flagged() == 1
        told = [(draft.extra or {}).get("conflicting_ids") for draft in await core.drafts()]
        assert sum(len(ids) for ids in told if ids) == 1


async def bounds_redeliveries_without_an_id(channel: ChannelUnderTest) -> None:
    """Without an id equal content within seconds is one message, an hour later a new one."""
    raw = channel.deliveries["without_id"]
    events = [one for one in channel.deliver(raw).events if not isinstance(one, Ignored)]
    assert events, "this delivery brings nothing to store"
    assert all(one.dedupe_key == "" for one in events), "a made-up id hides redeliveries"

    def again() -> RawRequest:
        return channel.provider.signed(raw)

    async with running(channel) as core:
        await core.takes(again())
        core.office.clock.turn(5)
        await core.takes(again())
        assert await core.stored() == 1, "taken twice within seconds"
        core.office.clock.turn(_HOUR)
        await core.takes(again())
        assert await core.stored() == 2, "a citizen may say the same again"


RULES = tuple(
    map(
        Rule,
        (
            stores_simultaneous_redeliveries_once,
            knows_a_redelivery_after_a_day,
            keeps_citizens_apart,
            flags_a_reused_id,
            bounds_redeliveries_without_an_id,
        ),
    )
)
