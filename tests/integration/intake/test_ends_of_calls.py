"""However the end of a call is learnt, it is told once; its words are waited for, no longer."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.draft import WorkOrderDraft
from gateway.domain.intake import CallEvent, CallMoment, InboundMessage, MediaRef
from gateway.domain.lifecycle import State
from gateway.intake.callbook import CARRIER_GRACE_S
from tests.contract.kit.office import Office, open_office
from tests.integration.intake.conftest import CITIZEN, VOICE
from tests.integration.intake.test_second_pass import (
    Listener,
    after,
    call,
    heard,
    says,
    second_pass,
    segment,
)

STARTED = call(CallMoment.STARTED)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """An office; what is decided here does not depend on the engine."""
    async with open_office(f"sqlite:///{tmp_path}/hotline.db") as opened:
        yield opened


def flow_ended(**more: Any) -> CallEvent:
    return call(CallMoment.ENDED, cause="carrier_flow_completed", **more)


def carrier(status: str = "completed") -> CallEvent:
    return CallEvent(
        contact=CITIZEN,
        entry="12345",
        dedupe_key=f"CA1:status:{status}",
        conversation="CA1",
        moment=CallMoment.ENDED,
        cause=f"carrier_{status}",
        duration_ms=30_000,
    )


def recorded(letter: str) -> InboundMessage:
    """A statement that the carrier recorded and that has arrived."""
    ref = MediaRef(
        id=f"RE{letter}", kind="recording", media_type="audio/wav", sha256=letter * 64, size=9
    )
    return InboundMessage(
        contact=CITIZEN, entry="12345", dedupe_key=f"CA1:{letter}", conversation="CA1", media=(ref,)
    )


def hears(**words: str) -> Listener:
    return Listener({letter * 64: heard(segment(text, 0)) for letter, text in words.items()})


def talk(words_pending: bool, **more: Any) -> CallEvent:
    return CallEvent(
        contact=CITIZEN,
        entry="12345",
        dedupe_key=f"CA1:T1:note:{words_pending}",
        conversation="CA1",
        moment=CallMoment.PROGRESS,
        words_pending=words_pending,
        **more,
    )


async def ends(office: Office) -> list[dict[str, Any]]:
    told = [one for one in await office.told() if one.type in ("call.ended", "call.abandoned")]
    return [msgspec.json.decode(one.body)["data"]["call"] for one in told]


async def grace(office: Office) -> WorkOrderDraft:
    office.clock.turn(CARRIER_GRACE_S + 1)
    await office.sealer.seal_due()
    return await office.only_draft()


async def test_a_call_that_the_carrier_led_is_sealed_as_soon_as_its_words_are_there(
    office: Office,
) -> None:
    draft = await after(office, STARTED, recorded("a"), flow_ended(recordings=1))
    assert draft.state is State.COLLECTING
    assert [one["cause"] for one in await ends(office)] == ["completed"], "told at once"
    draft = await second_pass(office, hears(a="路灯坏了"))
    assert draft.state is State.QUEUED
    assert draft.request.content == draft.request.title == "路灯坏了"
    assert draft.extra == {"hangup_cause": "completed"}
    assert len(await ends(office)) == 1


async def test_every_recording_is_waited_for(office: Office) -> None:
    await after(office, STARTED, recorded("a"), flow_ended(recordings=2))
    draft = await second_pass(office, hears(a="路灯坏了"))
    assert draft.state is State.COLLECTING, "the carrier has not brought the second one"
    await office.hears(recorded("b"), VOICE)
    assert (await office.only_draft()).state is State.COLLECTING
    draft = await second_pass(office, hears(b="在解放路"))
    assert draft.state is State.QUEUED
    assert draft.request.content == "路灯坏了\n在解放路"


async def test_words_that_were_there_before_the_end_are_not_waited_for(office: Office) -> None:
    await after(office, STARTED, recorded("a"))
    await second_pass(office, hears(a="路灯坏了"))
    draft = await after(office, flow_ended(recordings=1))
    assert draft.state is State.QUEUED
    assert len(await ends(office)) == 1


async def test_words_that_never_come_are_waited_for_so_long_and_no_longer(office: Office) -> None:
    await after(office, STARTED, flow_ended(recordings=1), carrier())
    draft = await grace(office)
    assert draft.state is State.QUEUED
    assert len(await ends(office)) == 1


async def test_a_recording_without_a_recogniser_is_given_the_whole_time(office: Office) -> None:
    await after(office, STARTED, recorded("a"), flow_ended(recordings=1))
    draft = await second_pass(office, Listener({"a" * 64: None}))
    assert draft.state is State.COLLECTING
    assert (await grace(office)).state is State.QUEUED


async def test_the_carriers_news_alone_is_told_when_the_draft_is_sealed(office: Office) -> None:
    await after(office, STARTED, carrier())
    assert await ends(office) == []
    await grace(office)
    (end,) = await ends(office)
    assert end == {
        "call_id": "CA1",
        "dialled_number": "12345",
        "cause": "carrier_completed",
        "duration_ms": 30_000,
    }


async def test_a_caller_who_hung_up_behind_his_words_is_sealed_with_them(office: Office) -> None:
    await after(office, STARTED, carrier(), recorded("a"))
    draft = await second_pass(office, hears(a="路灯坏了"))
    assert draft.state is State.QUEUED
    assert len(await ends(office)) == 1


async def test_an_end_that_the_call_tells_too_late_is_not_told_again(office: Office) -> None:
    await after(office, STARTED, carrier())
    await grace(office)
    await office.hears(call(CallMoment.ENDED, cause="caller_hung_up"), VOICE)
    assert len(await ends(office)) == 1


async def test_a_draft_waits_for_who_still_listens(office: Office) -> None:
    await after(office, STARTED, recorded("a"), talk(True), carrier())
    draft = await second_pass(office, hears(a="路灯坏了"))
    assert draft.state is State.COLLECTING, "two people were being listened to"
    await office.hears(says("我家停水了", 9000), VOICE)
    recording = MediaRef(
        id="CA1:T1:recording", kind="recording", media_type="audio/wav", sha256="d" * 64, size=10
    )
    draft = await after(office, talk(False, recording=recording))
    assert draft.state is State.QUEUED
    assert draft.request.content == "路灯坏了\n我家停水了"
    assert draft.extra == {"hangup_cause": "carrier_completed", "call_duration_ms": 30_000}
    assert "recording.ready" in [one.type for one in await office.told()]


async def test_listening_that_ends_during_a_call_ends_nothing_else(office: Office) -> None:
    draft = await after(office, STARTED, talk(True), talk(False))
    assert draft.state is State.COLLECTING
    assert "words_pending" not in (draft.extra or {})
