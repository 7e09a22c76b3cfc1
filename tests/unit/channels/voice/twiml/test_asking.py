"""Calls without live audio: the flow led by questions and answers, through the real inbox."""

import asyncio
import dataclasses
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path
from typing import TypeGuard
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from channels.voice.twiml.passage import LONGEST_S
from gateway.channel import RawRequest
from gateway.channel.http import EgressReply
from gateway.domain.intake import CallEvent, CaseStatus, Event
from gateway.domain.lifecycle import State
from gateway.domain.receipt import receipt_no
from tests.contract.kit.door_rules import FailingStore
from tests.unit.channels.voice.twiml.line import CITIZEN, MOUNT, SID, Carried, carried, flow_file

WORDS = "小区门口的路灯坏了三天，请派人来修"
RECEIPT = receipt_no(date(2026, 11, 20), 7)


async def test_a_statement_becomes_a_draft_and_its_number_is_read_out_twice(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        call = await line.call(WORDS)
        assert (await line.draft()).state is State.COLLECTING, "its words are still to come"
        line.office.clock.turn(60)
        await line.office.sealer.seal_due()
        draft = await line.draft()
        assert call.ended_by == "gateway"
        assert call.numbers[:2] == (draft.receipt_no, draft.receipt_no)
        assert len(call.numbers[2]) == 6
        assert draft.state is State.QUEUED
        assert draft.reporter.phone == CITIZEN
        assert draft.channel_detail is not None
        (recording,) = line.said
        assert (draft.extra or {})["media"] == {recording: "pending"}
        assert line.said[recording] == WORDS
        assert (draft.extra or {})["hangup_cause"] == "completed"


async def test_nothing_is_promised_before_it_is_stored(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        inbox = line.office.inbox
        failing = FailingStore(inner=line.office.store, late=False)
        line.office.inbox = dataclasses.replace(
            inbox, ledgers=dataclasses.replace(inbox.ledgers, store=failing)
        )
        call = await line.call(WORDS)
        assert call.numbers == ()
        assert line.heard == ["sorry_busy"], "after some tries the caller is told so"
        assert line.documents.count("again=") == 3
        assert any("call_not_stored" in one for one in line.world.log.lines)
        assert line.statuses[-1] == 503, "the news of the end may come again"
        assert not await line.office.drafts()


async def test_an_answer_that_comes_twice_means_the_same_and_stores_nothing_twice(
    tmp_path: Path,
) -> None:
    async with carried(tmp_path) as line:
        await line.call(WORDS, "")
        before = await line.draft()
        steps = [raw for raw in line.delivered if raw.path in ("", "/step", "/recording")]
        first = [answer for answer in line.asking.documents if answer] if line.asking else []
        again = [(await line.deliver(raw))[1] for raw in steps]
        assert [_said(one) for one in again] == [_said(one) for one in first[: len(again)]]
        after = await line.draft()
        assert after == before


async def test_a_caller_who_presses_zero_is_rung_through_and_rates_the_service(
    tmp_path: Path,
) -> None:
    async with carried(tmp_path) as line:
        call = await line.call("0", "finished", "1")
        dial = re.search(r"<Dial [^>]*>.*?</Dial>", line.documents)
        assert dial
        assert "+8653112345001</Number>" in dial[0]
        assert "sip:desk@pbx.example</Sip>" in dial[0]
        assert 'answerOnBridge="true"' in dial[0]
        assert call.ended_by == "gateway"
        draft = await line.draft()
        assert (draft.extra or {})["digits"] == "01"
        assert "rating" in str(draft.extra) or "rating" in str(draft)


async def test_a_caller_nobody_answers_waits_and_asks_to_be_called_back(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        await line.call("0", "busy", "", "no_answer", "1", "1")
        assert "queue_callback" in line.heard
        assert CITIZEN in str((await line.draft()).extra)
        assert "call.callback_requested" in [one.type for one in await line.office.told()]


async def test_a_wait_that_lasts_too_long_goes_on_in_the_flow(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        script = ["0", *["no_answer", ""] * 3]

        async def post(raw: RawRequest) -> str:
            line.office.clock.turn(60)
            line.delivered.append(raw)
            status, answer = await line.deliver(raw)
            assert status == 200
            return answer

        line.post = post  # type: ignore[method-assign]
        call = await line.call(*script, WORDS)
        assert "<Record" in line.documents, "then the caller may leave a message"
        assert call.numbers


async def test_a_provider_with_queues_lets_callers_wait_in_its_own(tmp_path: Path) -> None:
    targets = {"operators": ["queue:desk"]}
    async with carried(tmp_path, targets=targets) as line:
        await line.call("0", "", "finished", "2")
        assert ">desk</Enqueue>" in line.documents
        place = line.heard.index("queue_ahead_is")
        assert line.heard[place : place + 3] == ["queue_ahead_is", "number_1", "queue_ahead_end"]
        assert "queue_minutes_is" in line.heard
        (enqueue,) = re.findall(r"<Enqueue [^>]*>", line.documents)
        assert "/wait?p=" in enqueue


async def test_voicemail_is_asked_for_out_of_a_queue_over_the_providers_interface(
    tmp_path: Path,
) -> None:
    targets = {"operators": ["queue:desk"]}
    async with carried(tmp_path, targets=targets) as line:
        line.world.http.answer = EgressReply(
            status=200, headers={}, body=b"{}", truncated=False, elapsed=0.1
        )
        await line.call("0", "2")
        (called,) = line.world.http.calls
        assert called.url.endswith(f"/Calls/{SID}.json")
        form = dict(parse_qsl((called.body or b"").decode()))
        assert form["Method"] == "POST"
        path = urlsplit(form["Url"].removeprefix(MOUNT))
        raw = line.simulator.request(
            path.path, line.simulator.about(SID, CITIZEN), query=path.query
        )
        status, document = await line.deliver(raw)
        assert status == 200
        assert "<Record" in document


async def test_an_earlier_case_is_looked_up_by_keys(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        at = datetime(2026, 11, 20, tzinfo=UTC)
        line.cases.known[RECEIPT, "204816"] = CaseStatus(
            receipt_no=RECEIPT, state="forwarded", received_at=at, updated_at=at, title="路灯"
        )
        await line.call("3", RECEIPT + "#", "204816")
        assert line.cases.asked == [(RECEIPT, "204816")]
        assert "/step?p=" in line.documents


async def test_a_caller_who_hangs_up_leaves_what_was_said(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        await line.call(WORDS, "hangup")
        line.office.clock.turn(60)
        (draft,) = await line.office.drafts()
        assert (draft.extra or {})["media"]


async def test_a_caller_who_never_says_a_word_is_one_to_call_back(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        call = await line.call(*[""] * 20)
        assert call.ended_by == "gateway"
        draft = await line.draft()
        assert "missed" in str(draft.extra)


async def test_reading_an_answer_asks_no_clock(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        await line.call(WORDS)
        steps = [raw for raw in line.delivered if raw.path in ("", "/step")]
        before = [line.handler(raw.path).parse(raw) for raw in steps]
        line.office.clock.turn(86_400)
        assert [line.handler(raw.path).parse(raw) for raw in steps] == before
        keys = [event.dedupe_key for events in before for event in events if _is_stored(event)]
        assert len(keys) == len(set(keys)) > 1


# --- what is spoken, where the provider understands it

MENU = """
  a:
    kind: menu
    prompts: greeting
    choices:
      "1": {to: b, words: {zh: [投诉, 我要投诉]}, set: {topic: 投诉}}
      "2": {to: c, words: {zh: [咨询]}}
  b: {kind: say, prompts: recording_notice, to: bye}
  c: {kind: say, prompts: please_speak, to: bye}
"""


@pytest.mark.parametrize(
    ("answer", "heard"), [("1", 1), ("我要投诉", 1), ("2", 2), ("咨询一下", 2)]
)
async def test_keys_and_words_lead_to_the_same_place(
    tmp_path: Path, answer: str, heard: int
) -> None:
    async with carried(tmp_path, flow=flow_file(tmp_path, MENU)) as line:
        await line.call(answer)
        expected = {1: "recording_notice", 2: "please_speak"}[heard]
        assert line.heard == ["greeting", expected, "thanks"]
        gather = re.findall(r"<Gather [^>]*>", line.documents)[0]
        assert 'input="dtmf speech"' in gather
        assert 'language="cmn-Hans-CN"' in gather
        assert "投诉" in unescape(gather)
        draft = await line.draft()
        if heard == 1:
            assert "投诉" in str(draft.extra)


async def test_a_provider_that_understands_no_speech_is_asked_for_keys_only(tmp_path: Path) -> None:
    async with carried(tmp_path, flow=flow_file(tmp_path, MENU), profile="somleng") as line:
        await line.call("2")
        gather = re.findall(r"<Gather [^>]*>", line.documents)[0]
        assert 'input="dtmf"' in gather
        assert "hints" not in gather
        assert line.heard[-2:] == ["please_speak", "thanks"]


# --- who may answer


async def one_step(line: Carried) -> RawRequest:
    await line.call(WORDS)
    return next(raw for raw in line.delivered if raw.path == "/step")


async def test_an_answer_is_believed_only_with_signature_and_passage(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        raw = await one_step(line)
        before = await line.draft()
        unsigned = msgspec.structs.replace(raw, headers={})
        no_passage = line.simulator.request("/step", line.simulator.about(SID, CITIZEN))
        forged = line.simulator.request(
            "/step", line.simulator.about(SID, CITIZEN), query="p=gAAAAABforged"
        )
        other = line.simulator.request(
            "/step", line.simulator.about("CA" + "9" * 32, CITIZEN), query=raw.query
        )
        moved = line.simulator.signed(msgspec.structs.replace(raw, path="/wait"))
        for bad in (unsigned, no_passage, forged, other):
            assert (await line.deliver(bad))[0] == 403
        assert "<Leave" in (await line.deliver(moved))[1], "no wait is going on there"
        line.office.clock.turn(LONGEST_S + 5)
        assert (await line.deliver(raw))[0] == 403, "too old"
        assert await line.draft() == before


async def test_a_call_whose_flow_was_replaced_is_recorded_and_not_dropped(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        raw = await one_step(line)
        async with carried(tmp_path / "other", flow=flow_file(tmp_path, MENU)) as other:
            status, document = await other.deliver(raw)
            assert status == 200
            assert "<Record" in document
            assert any("flow_lost" in one for one in other.world.log.lines)


async def test_a_changed_flow_leads_new_calls_and_a_broken_one_changes_nothing(
    tmp_path: Path,
) -> None:
    path = Path(flow_file(tmp_path, MENU))
    async with carried(tmp_path, flow=str(path)) as line:

        async def heard_by(sid: str) -> list[str]:
            await line.call("1", sid="CA" + sid * 32)
            return line.heard

        old = ["greeting", "recording_notice", "thanks"]
        assert await heard_by("1") == old
        under_way = next(raw for raw in line.delivered if raw.path == "/step")
        first = path.read_text("utf-8")
        for broken in ("nodes: [", first.replace("to: b", "to: nowhere")):
            path.write_text(broken, "utf-8")
            assert await _noticed(line, heard_by, "2") == old
            assert any("flow_not_reloaded" in one for one in line.world.log.lines)
            line.world.log.lines.clear()
        path.write_text(first.replace("prompts: recording_notice", "prompts: once_more"), "utf-8")
        assert await _noticed(line, heard_by, "3") == ["greeting", "once_more", "thanks"]
        _, document = await line.deliver(under_way)
        assert "recording_notice.wav" in document, "who was led by the old flow still is"


async def _noticed(
    line: Carried, heard_by: Callable[[str], Awaitable[list[str]]], sid: str
) -> list[str]:
    """Call until a changed file can have been noticed."""
    line.office.clock.turn(60)
    await heard_by(sid)
    for _ in range(200):
        await asyncio.sleep(0.01)
        if line.world.log.lines:
            break
    return await heard_by(sid)


async def test_other_calls_go_on_beside_a_bad_one(tmp_path: Path) -> None:
    async with carried(tmp_path) as line:
        raw = await one_step(line)
        for _ in range(20):
            await line.deliver(msgspec.structs.replace(raw, body=b"\xff" * 100))
        call = await line.call(WORDS, sid="CA" + "7" * 32, sender="+8613900139000")
        assert call.numbers
        assert len(await line.office.drafts()) == 2


def _is_stored(event: Event) -> TypeGuard[CallEvent]:
    return isinstance(event, CallEvent)


def _said(document: str) -> list[str]:
    """What a document says and asks, without the seals, which differ each time."""
    return re.findall(r"<(\w+)|/prompts/(\w+/\w+)\.wav|numDigits=\"(\d+)\"", document)
