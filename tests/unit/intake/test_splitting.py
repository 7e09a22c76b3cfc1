"""Splitting moves what belongs to the chosen messages and loses nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.draft import (
    Attachment,
    Evidence,
    Message,
    Reporter,
    Request,
    Suggestion,
    WorkOrderDraft,
)
from gateway.domain.lifecycle import State
from gateway.intake.assembly import content_of
from gateway.intake.splitting import CannotSplit, divided

BEGIN = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
OLD, NEW = "0" * 25 + "1", "0" * 25 + "2"


def message(number: int, *, direction: str = "in", files: tuple[str, ...] = ()) -> Message:
    return Message(
        id=f"m{number}",
        at=BEGIN + timedelta(minutes=number),
        direction="in" if direction == "in" else "out",
        text=f"第{number}条",
        attachment_ids=files or None,
    )


def file(name: str) -> Attachment:
    return Attachment(id=name, kind="image", media_type="image/png", size=1, sha256="0" * 64)


def draft(*messages: Message, files: tuple[str, ...] = ()) -> WorkOrderDraft:
    found = WorkOrderDraft(
        schema_version="1.0",
        draft_id=OLD,
        receipt_no="2611210000016",
        jurisdiction="370100",
        revision=4,
        state=State.QUEUED,
        channel="sms",
        received_at=BEGIN,
        reporter=Reporter(kind="person", phone="+8613800138000"),
        request=Request(type="complaint", title="路灯", content="", content_source="citizen_text"),
        confidential=True,
        messages=messages,
        attachments=tuple(file(name) for name in files) or None,
    )
    return replace(found, request=replace(found.request, content=content_of(found)))


def split(whole: WorkOrderDraft, *chosen: str) -> tuple[WorkOrderDraft, WorkOrderDraft]:
    return divided(whole, chosen, draft_id=NEW, receipt_no="2611210000024", now=BEGIN)


@given(st.data())
def test_every_message_and_file_is_in_one_of_the_two_and_in_order(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 8))
    messages = tuple(
        message(
            number,
            direction=data.draw(st.sampled_from(["in", "in", "out"])),
            files=(f"f{number}",) if data.draw(st.booleans()) else (),
        )
        for number in range(count)
    )
    heard = [one.id for one in messages if one.direction == "in"]
    if len(heard) < 2:
        return
    chosen = data.draw(st.lists(st.sampled_from(heard), min_size=1, unique=True))
    if len(chosen) == len(heard):
        return
    files = tuple(name for one in messages for name in one.attachment_ids or ())
    rest, part = split(draft(*messages, files=files), *chosen)
    left, moved = rest.messages or (), part.messages or ()
    assert sorted((*left, *moved), key=lambda one: one.at) == list(messages)
    assert {one.id for one in moved} == set(chosen)
    assert [one.at for one in moved] == sorted(one.at for one in moved)
    ids = [one.id for one in (*(rest.attachments or ()), *(part.attachments or ()))]
    assert sorted(ids) == sorted(files)
    for half in (rest, part):
        assert half.request.content == content_of(half)


def test_the_new_draft_is_the_same_citizens_and_says_where_it_comes_from() -> None:
    rest, part = split(draft(message(0), message(1)), "m1")
    assert part.reporter == rest.reporter
    assert part.confidential
    assert (part.draft_id, part.revision, part.state) == (NEW, 1, State.COLLECTING)
    assert part.received_at == BEGIN + timedelta(minutes=1)
    assert part.request.type == "unclassified"
    assert part.extra == {"split_from": OLD}
    assert rest.extra == {"split_into": [NEW]}


def test_what_an_operator_has_written_stays() -> None:
    whole = draft(message(0), message(1))
    whole = replace(whole, request=replace(whole.request, content="两盏路灯", title="路灯"))
    rest, _ = split(whole, "m1")
    assert rest.request.content == "两盏路灯"


def test_a_file_that_both_halves_name_is_in_both() -> None:
    whole = draft(message(0, files=("f",)), message(1, files=("f",)), files=("f",))
    rest, part = split(whole, "m1")
    assert rest.attachments == (file("f"),)
    assert part.attachments == (file("f"),)


def test_suggestions_go_when_the_words_they_rest_on_go() -> None:
    resting = [
        Suggestion(
            field="request.type",
            value="help",
            confidence=0.5,
            by="rules",
            evidence=(Evidence(text="第", source=source),),
        )
        for source in ("m0", "m1")
    ]
    rest, _ = split(replace(draft(message(0), message(1)), suggestions=tuple(resting)), "m1")
    assert rest.suggestions == (resting[0],)


@pytest.mark.parametrize("chosen", [(), ("m0", "m1"), ("m2",), ("nobody",), ("m0", "nobody")])
def test_what_cannot_be_split_is_refused(chosen: tuple[str, ...]) -> None:
    with pytest.raises(CannotSplit):
        split(draft(message(0), message(1), message(2, direction="out")), *chosen)
