"""What a call tells while it goes on: facts, call-backs, ratings, two speakers, restarts."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.channel.speech import StoredRecording
from gateway.domain.draft import Suggestion, WorkOrderDraft
from gateway.domain.intake import CallEvent, CallMoment, InboundMessage, MediaRef, StoredEvent
from gateway.domain.lifecycle import State
from gateway.domain.transcript import Speaker, Transcript, TranscriptSegment
from gateway.intake.recovery import Salvage
from tests.contract.kit.office import Office, open_office
from tests.integration.intake.conftest import CITIZEN, VOICE

BOTH_ENGINES = pytest.mark.parametrize(
    "store_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
RECORDING = MediaRef(id="CA1", kind="recording", media_type="audio/wav", sha256="a" * 64, size=10)


def call(moment: CallMoment, number: int = 1, **more: Any) -> CallEvent:
    """A moment of the one call; its ``number`` tells repeated moments apart."""
    values: dict[str, Any] = {"contact": CITIZEN, "entry": "12345", **more}
    return CallEvent(
        dedupe_key=f"CA1:{moment}:{number}", conversation="CA1", moment=moment, **values
    )


def says(words: str, at_ms: int, speaker: Speaker = "citizen") -> InboundMessage:
    """An utterance of somebody in the call."""
    segment = TranscriptSegment(speaker=speaker, start_ms=at_ms, end_ms=at_ms + 900, text=words)
    return InboundMessage(
        contact=CITIZEN,
        entry="12345",
        dedupe_key=f"CA1:segment:{speaker}:{at_ms}",
        conversation="CA1",
        text=words,
        transcript=Transcript(engine="scripted", segments=(segment,)),
    )


async def after(office: Office, *events: StoredEvent) -> WorkOrderDraft:
    """Let the office hear a call's events; return its one draft."""
    for event in events:
        await office.hears(event, VOICE)
    return await office.only_draft()


def proposed(draft: WorkOrderDraft, field: str) -> Suggestion:
    """Return the one suggestion for a field."""
    (found,) = [one for one in draft.suggestions or () if one.field == field]
    return found


async def told(office: Office, type_: str) -> list[dict[str, Any]]:
    """Return the data of every event of one type."""
    return [
        msgspec.json.decode(one.body)["data"] for one in await office.told() if one.type == type_
    ]


@pytest.fixture
async def asterisk(store_url: str) -> AsyncIterator[Office]:
    """An office whose calls outlive a restart of the gateway."""
    async with open_office(store_url, resuming=[("voice", "trunk")]) as opened:
        yield opened


# --- facts


async def test_facts_of_the_menu_gather_on_the_draft_and_never_in_the_request(
    office: Office,
) -> None:
    draft = await after(
        office,
        call(CallMoment.STARTED),
        call(CallMoment.PROGRESS, 1, facts={"topic": "water"}, flow="hotline@1a2b", language="en"),
        call(CallMoment.PROGRESS, 2, facts={"anonymous": "no"}),
    )
    assert draft.extra == {
        "ivr": {"flow": "hotline@1a2b", "facts": {"topic": "water", "anonymous": "no"}}
    }
    assert draft.reporter.language == "en"
    assert draft.request.content == ""
    assert draft.state is State.COLLECTING


async def test_a_topic_is_a_suggestion_that_says_where_it_comes_from(office: Office) -> None:
    draft = await after(
        office,
        call(CallMoment.STARTED),
        call(CallMoment.PROGRESS, 1, facts={"topic": "water"}),
        call(CallMoment.PROGRESS, 2, facts={"topic": "power"}),
    )
    found = proposed(draft, "request.category")
    assert found.value == {"scheme": "ivr", "code": "power", "name": "power"}
    assert found.evidence is not None
    assert found.evidence[0].text == "topic: power"
    assert draft.request.category is None


async def test_a_category_goes_before_a_topic(office: Office) -> None:
    facts = {"topic": "water", "category": "供水"}
    draft = await after(office, call(CallMoment.STARTED), call(CallMoment.PROGRESS, facts=facts))
    assert proposed(draft, "request.category").value["code"] == "供水"


async def test_a_number_keyed_and_read_back_is_the_one_to_call(office: Office) -> None:
    facts = {"phone_confirmed": "13900139000"}
    draft = await after(office, call(CallMoment.STARTED), call(CallMoment.PROGRESS, facts=facts))
    assert draft.reporter.callback_phone == "+8613900139000"
    assert draft.reporter.phone == "+8613800138000"


async def test_a_number_that_was_only_heard_waits_for_confirmation(office: Office) -> None:
    heard = call(CallMoment.PROGRESS, 1, facts={"phone_spoken": "13900139000"})
    draft = await after(office, call(CallMoment.STARTED), heard)
    assert draft.reporter.callback_phone is None
    found = proposed(draft, "reporter.callback_phone")
    assert (found.value, found.status) == ("+8613900139000", "suggested")


async def test_a_fact_that_is_no_number_is_kept_and_fills_nothing(office: Office) -> None:
    facts = {"phone_confirmed": "12", "phone_spoken": "not a number"}
    draft = await after(office, call(CallMoment.STARTED), call(CallMoment.PROGRESS, facts=facts))
    assert draft.reporter.callback_phone is None
    assert draft.suggestions is None
    assert (draft.extra or {})["ivr"]["facts"] == facts


async def test_facts_that_come_late_do_not_overwrite_what_an_operator_wrote(
    office: Office,
) -> None:
    draft = await after(
        office,
        call(CallMoment.STARTED),
        call(CallMoment.PROGRESS, 1, facts={"phone_confirmed": "13900139000"}),
        call(CallMoment.ENDED),
    )
    await office.desk.claim(draft.draft_id, operator="li", seen=None)
    late = call(CallMoment.PROGRESS, 2, facts={"phone_confirmed": "13700137000"}, language="en")
    draft = await after(office, late)
    assert draft.reporter.callback_phone == "+8613900139000"
    assert draft.reporter.language == "zh-CN"
    assert (draft.extra or {})["ivr"]["facts"]["phone_confirmed"] == "13700137000"


async def test_a_call_told_of_before_there_were_facts_still_reads() -> None:
    old = b'{"event":"call","contact":"tel:+8613800138000","entry":"12345","dedupe_key":"CA1:ended"'
    old += b',"conversation":"CA1","moment":"ended","digits":"1","duration_ms":4200}'
    event = msgspec.json.decode(old, type=StoredEvent)
    assert isinstance(event, CallEvent)
    assert (event.facts, event.rating, event.connected) == ({}, None, ())
    assert msgspec.json.decode(msgspec.json.encode(event)) == msgspec.json.decode(old)


# --- call-backs and ratings


@BOTH_ENGINES
async def test_a_wish_to_be_called_back_flags_the_calls_own_draft_once(office: Office) -> None:
    wish: dict[str, Any] = {"callback_number": "13900139000", "callback_reason": "queue_full"}
    draft = await after(
        office,
        call(CallMoment.STARTED),
        says("路灯坏了", 0),
        call(CallMoment.CALLBACK_REQUESTED, **wish),
        call(CallMoment.ENDED, recording=RECORDING, **wish),
    )
    task = (draft.extra or {})["callback"]
    assert task["task"] == "回拨任务 call-back"
    assert (task["number"], task["reason"]) == ("+8613900139000", "queue_full")
    assert draft.reporter.callback_phone == "+8613900139000"
    assert draft.request.content == "路灯坏了"
    (data,) = await told(office, "call.callback_requested")
    assert data["callback"] == {"number": "+8613900139000", "reason": "queue_full"}
    assert data["call"]["call_id"] == "CA1"


async def test_a_wish_without_a_number_means_the_number_that_called(office: Office) -> None:
    draft = await after(office, call(CallMoment.STARTED), call(CallMoment.CALLBACK_REQUESTED))
    assert (draft.extra or {})["callback"]["number"] == "+8613800138000"


async def test_a_caller_who_hangs_up_without_a_word_is_to_be_called_back(office: Office) -> None:
    draft = await after(
        office, call(CallMoment.STARTED), call(CallMoment.ABANDONED, recording=RECORDING)
    )
    assert draft.state is State.QUEUED
    assert (draft.extra or {})["callback"]["reason"] == "abandoned"
    assert len(await told(office, "call.callback_requested")) == 1


async def test_who_hides_the_number_and_hangs_up_cannot_be_called_back(office: Office) -> None:
    draft = await after(
        office,
        call(CallMoment.STARTED, contact="unknown:CA1"),
        call(CallMoment.ABANDONED, contact="unknown:CA1"),
    )
    assert "callback" not in (draft.extra or {})
    assert await told(office, "call.callback_requested") == []


async def test_a_call_of_which_nothing_but_its_beginning_is_known_is_a_missed_one(
    office: Office,
) -> None:
    await after(office, call(CallMoment.STARTED))
    office.clock.turn(30 * 60 + 1)
    assert await office.sealer.seal_due() == 1
    draft = await office.only_draft()
    assert (draft.extra or {})["callback"]["reason"] == "missed"


async def test_the_carriers_word_that_a_call_is_over_does_not_make_it_abandoned(
    office: Office,
) -> None:
    news = call(CallMoment.ABANDONED, 1, cause="carrier_no_answer")
    draft = await after(
        office,
        call(CallMoment.STARTED),
        news,
        says("路灯坏了", 0),
        call(CallMoment.ENDED, recording=RECORDING),
    )
    assert "callback" not in (draft.extra or {})


async def test_a_rating_is_told_and_stands_on_the_draft(office: Office) -> None:
    draft = await after(
        office, call(CallMoment.STARTED), says("谢谢", 0), call(CallMoment.PROGRESS, rating=4)
    )
    assert (draft.extra or {})["feedback"]["rating"] == 4
    (data,) = await told(office, "feedback.received")
    assert (data["rating"], data["call_id"]) == (4, "CA1")


@pytest.mark.parametrize("rating", [0, 6])
def test_a_rating_is_one_to_five(rating: int) -> None:
    event = msgspec.to_builtins(call(CallMoment.PROGRESS))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**event, "rating": rating}, CallEvent)


# --- two speakers


async def test_an_operators_words_join_the_transcript_and_nothing_else(office: Office) -> None:
    draft = await after(
        office,
        call(CallMoment.STARTED),
        says("您好，请讲", 3000, "operator"),
        says("路灯坏了", 1000),
        says("在哪条路", 5000, "operator"),
        says("解放路", 4000),
    )
    assert draft.transcript is not None
    order = [(one.speaker, one.text) for one in draft.transcript.segments]
    assert order == [
        ("citizen", "路灯坏了"),
        ("operator", "您好，请讲"),
        ("citizen", "解放路"),
        ("operator", "在哪条路"),
    ]
    assert draft.request.content == "路灯坏了\n解放路"
    assert [one.text for one in draft.messages or ()] == ["路灯坏了", "解放路"]
    assert len(await told(office, "message.received")) == 2


async def test_words_of_both_in_one_event_are_told_apart(office: Office) -> None:
    segments = (
        TranscriptSegment(speaker="citizen", start_ms=0, end_ms=900, text="停水了"),
        TranscriptSegment(speaker="operator", start_ms=1000, end_ms=1900, text="什么时候"),
    )
    both = msgspec.structs.replace(
        says("停水了\n什么时候", 0), transcript=Transcript(segments=segments)
    )
    draft = await after(office, call(CallMoment.STARTED), both)
    assert draft.request.content == "停水了"


# --- how long a call may last


async def test_a_call_that_gives_signs_of_life_is_not_sealed(office: Office) -> None:
    await after(office, call(CallMoment.STARTED))
    for minute in range(4):
        office.clock.turn(20 * 60)
        await after(office, call(CallMoment.PROGRESS, minute, facts={"waited": str(minute)}))
        assert await office.sealer.seal_due() == 0
    office.clock.turn(20 * 60)
    await after(office, says("您好", 0, "operator"))
    office.clock.turn(29 * 60)
    assert await office.sealer.seal_due() == 0
    office.clock.turn(2 * 60)
    assert await office.sealer.seal_due() == 1


# --- restarts


def salvage(office: Office) -> Salvage:
    async def forget(name: str) -> None:
        office.noted.append(f"forgot {name}")

    return Salvage(
        inbox=office.inbox,
        clock=office.clock,
        forget=forget,
        note=lambda name, **values: office.noted.append(name),
    )


def found(content: str = "b") -> StoredRecording:
    return StoredRecording(sha256=content * 64, size=44, media_type="audio/wav", duration_ms=8000)


async def test_where_calls_end_with_the_gateway_a_found_recording_is_the_end(
    office: Office,
) -> None:
    await after(office, call(CallMoment.STARTED), says("路灯坏了", 0))
    assert await salvage(office).keep("CA1", found())
    draft = await office.only_draft()
    assert draft.state is State.QUEUED
    assert (draft.extra or {})["hangup_cause"] == "gateway_restarted"
    assert "transcript_missing" in (draft.extra or {})


@BOTH_ENGINES
async def test_a_call_found_again_goes_on_in_its_own_draft(asterisk: Office) -> None:
    await after(asterisk, call(CallMoment.STARTED), says("路灯坏了", 0))
    await salvage(asterisk).keep("CA1", found())
    draft = await asterisk.only_draft()
    assert draft.state is State.COLLECTING
    asterisk.clock.turn(20)
    draft = await after(asterisk, call(CallMoment.STARTED, 2))
    asterisk.clock.turn(90)
    assert await asterisk.sealer.seal_due() == 0
    draft = await after(
        asterisk, says("在解放路", 9000), call(CallMoment.ENDED, recording=RECORDING)
    )
    assert draft.state is State.QUEUED
    assert draft.request.content == "路灯坏了\n在解放路"
    assert len([one for one in draft.attachments or () if one.kind == "recording"]) == 2
    extra = draft.extra or {}
    assert extra["call_taken_up_again"] is True
    assert "interrupted" not in extra
    assert len(await told(asterisk, "call.started")) == 1
    assert len(await told(asterisk, "call.ended")) == 1


async def test_a_call_that_is_not_found_again_is_sealed_a_minute_later(asterisk: Office) -> None:
    await after(asterisk, call(CallMoment.STARTED), says("路灯坏了", 0))
    await salvage(asterisk).keep("CA1", found())
    asterisk.clock.turn(59)
    assert await asterisk.sealer.seal_due() == 0
    asterisk.clock.turn(2)
    assert await asterisk.sealer.seal_due() == 1
    draft = await asterisk.only_draft()
    assert draft.state is State.QUEUED
    assert (draft.extra or {})["hangup_cause"] == "gateway_restarted"
    (data,) = await told(asterisk, "call.ended")
    assert data["call"]["call_id"] == "CA1"


async def test_two_recordings_of_one_call_found_after_a_crash_are_both_kept(
    asterisk: Office,
) -> None:
    await after(asterisk, call(CallMoment.STARTED))
    await salvage(asterisk).keep("CA1", found("b"))
    await salvage(asterisk).keep("CA1", found("c"))
    draft = await asterisk.only_draft()
    assert {one.sha256[0] for one in draft.attachments or ()} == {"b", "c"}


async def test_a_call_found_again_after_its_draft_was_sealed_still_adds_to_it(
    asterisk: Office,
) -> None:
    await after(asterisk, call(CallMoment.STARTED), says("路灯坏了", 0))
    await salvage(asterisk).keep("CA1", found())
    asterisk.clock.turn(timedelta(minutes=2).total_seconds())
    await asterisk.sealer.seal_due()
    draft = await after(
        asterisk,
        call(CallMoment.STARTED, 2),
        says("在解放路", 9000),
        call(CallMoment.ENDED, recording=RECORDING),
    )
    assert draft.state is State.QUEUED
    assert draft.request.content == "路灯坏了\n在解放路"


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database: one engine is enough for most of what is said here."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/hotline.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
