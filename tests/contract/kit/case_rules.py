"""What becomes of messages: the provider's order, files after words, one answer a case."""

from itertools import permutations

from gateway.channel import RawRequest
from gateway.channel.http import EgressReply
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.intake import InboundMessage
from gateway.intake.awaited import PENDING, states_of
from tests.contract.kit.channel_under_test import ChannelUnderTest
from tests.contract.kit.core import running
from tests.contract.kit.rule import Rule

_ORDERED = ("first", "second", "third")
_PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(60)
_SOUND = b"RIFF" + (36).to_bytes(4, "little") + b"WAVEfmt " + bytes(28)
_DAY = 24 * 3600
_A_WHILE = 60


async def restores_the_providers_order(channel: ChannelUnderTest) -> None:
    """However messages of a citizen arrive, in their draft they stand as they were sent."""
    deliveries = channel.deliveries
    sent = [deliveries[name] for name in _ORDERED]
    said = [_message(channel, raw).text for raw in sent]
    assert len(set(said)) == len(said), "three different texts, please"
    for order in permutations(range(len(sent))):
        async with running(channel) as core:
            await core.takes(*(sent[place] for place in order))
            (draft,) = await core.drafts()
            assert [one.text for one in draft.messages or ()] == said, order
            assert draft.request.content == "\n".join(said), order


async def never_waits_for_files(channel: ChannelUnderTest) -> None:
    """A file that fails delays and loses no words; its state shows, and a later try attaches it."""
    deliveries = channel.deliveries
    raw = deliveries["image"] if "image" in deliveries else deliveries["recording"]
    message = _message(channel, raw)
    words, media = message.text, message.media
    assert media, "this delivery has no files"
    async with running(channel) as core:
        channel.http.answer = _answer(503, b"")
        await core.takes(raw)
        (draft,) = await core.drafts()
        _assert_waiting(draft, words, len(media))
        assert await core.fetch_files() == len(media)
        (draft,) = await core.drafts()
        _assert_waiting(draft, words, len(media))
        channel.http.answer = _answer(200, _SOUND if media[0].kind == "recording" else _PICTURE)
        core.office.clock.turn(_DAY)
        assert await core.fetch_files() == len(media)
        (draft,) = await core.drafts()
        assert [one.id for one in draft.attachments or ()] == [ref.id for ref in media]
        assert not states_of(draft)
        assert draft.request.content == words
    async with running(channel) as core:
        channel.http.answer = _answer(404, b"")
        await core.takes(raw)
        await core.fetch_files()
        (draft,) = await core.drafts()
        assert draft.request.content == words
        assert set(states_of(draft)) == {ref.id for ref in media}
        assert PENDING not in states_of(draft).values()


async def stores_nothing_it_ignores(channel: ChannelUnderTest) -> None:
    """Our own message coming back, or an unknown event, is acknowledged and leaves no trace."""
    told = [name for name in ("own", "unknown") if name in channel.deliveries]
    assert told, "neither own nor unknown is among the deliveries; if there are none, exempt this"
    async with running(channel) as core:
        for name in told:
            await core.takes(channel.deliveries[name])
        assert await core.stored() == 0
        assert not await core.drafts()


async def never_takes_receipts_back(channel: ChannelUnderTest) -> None:
    """Receipts come in any order, early, late and twice; a delivered message stays delivered."""
    outbound = channel.conformance.outbound
    assert outbound, "conformance.py describes no outbound; if there is no way back, exempt this"
    late, early = channel.deliveries["receipt"], channel.deliveries["earlier_receipt"]
    for order in ((early, late), (late, early), (late, early, late)):
        for before_our_note in (False, True):
            async with running(channel) as core:
                channel.http.answer = outbound.success
                await core.takes(channel.text())
                if before_our_note:
                    await core.takes(*order)
                assert await core.send_replies() == 1
                if not before_our_note:
                    await core.takes(*order)
                for _ in order:
                    core.office.clock.turn(_A_WHILE)
                    await core.office.assemble()
                (draft,) = await core.drafts()
                (answer,) = [one for one in draft.messages or () if one.direction == "out"]
                assert answer.delivery == "delivered", (before_our_note, answer.delivery)


async def answers_each_case_once(channel: ChannelUnderTest) -> None:
    """Several messages of one case bring one acknowledgement; automated mail brings none."""
    outbound = channel.conformance.outbound
    assert outbound, "conformance.py describes no outbound; if there is no way back, exempt this"
    channel.http.answer = outbound.success
    async with running(channel) as core:
        channel.http.calls.clear()
        await core.takes(channel.text())
        assert await core.send_replies() == 1
        await core.takes(channel.text(), channel.text())
        assert len(await core.drafts()) == 1
        assert await core.send_replies() == 0
        assert len(channel.http.calls) == 1
    async with running(channel) as core:
        channel.http.calls.clear()
        await core.takes(channel.deliveries["automated"])
        assert len(await core.drafts()) == 1, "it is still read"
        assert await core.send_replies() == 0, "a machine was answered"
        assert not channel.http.calls


def _message(channel: ChannelUnderTest, raw: RawRequest) -> InboundMessage:
    (event,) = channel.deliver(raw).events
    assert isinstance(event, InboundMessage)
    return event


def _assert_waiting(draft: WorkOrderDraft, words: str, files: int) -> None:
    assert draft.request.content == words
    assert not draft.attachments
    assert list(states_of(draft).values()) == [PENDING] * files


def _answer(status: int, body: bytes) -> EgressReply:
    return EgressReply(status=status, headers={}, body=body, truncated=False, elapsed=0.01)


RULES = tuple(
    map(
        Rule,
        (
            restores_the_providers_order,
            never_waits_for_files,
            stores_nothing_it_ignores,
            never_takes_receipts_back,
            answers_each_case_once,
        ),
    )
)
