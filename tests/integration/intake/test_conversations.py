"""Several messages become one draft; a later matter becomes another."""

import json

import pytest

from gateway.domain.intake import ContactChange, InboundMessage
from gateway.domain.lifecycle import State
from gateway.store import correspondence, work
from gateway.store.correspondence import REPLY_QUEUE
from gateway.store.drafts import Filed
from gateway.store.ledger import Ledger
from gateway.store.times import to_us
from tests.contract.kit.office import Office
from tests.integration.intake.conftest import CITIZEN, text


async def test_the_first_message_opens_a_draft_at_once(office: Office) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    draft = await office.only_draft()
    assert draft.state is State.COLLECTING
    assert draft.request.content == "路灯坏了"
    assert draft.reporter.phone == "+8613800138000"
    assert draft.receipt_no.startswith("261121000001")


async def test_messages_within_the_quiet_window_make_one_draft(office: Office) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    office.clock.turn(30)
    await office.hears(text("在大观园街道", "SM2"))
    office.clock.turn(30)
    assert await office.sealer.seal_due() == 0
    office.clock.turn(16)
    assert await office.sealer.seal_due() == 1
    draft = await office.only_draft()
    assert draft.state is State.QUEUED
    assert draft.request.content == "路灯坏了\n在大观园街道"
    assert draft.request.title


async def test_a_citizen_who_never_stops_is_cut_off_at_the_cap(office: Office) -> None:
    for number in range(8):
        await office.hears(text(f"第{number}句", f"SM{number}"))
        office.clock.turn(40)
    assert await office.sealer.seal_due() == 1
    assert (await office.only_draft()).state is State.QUEUED


async def test_a_draft_that_cannot_be_sealed_does_not_hold_up_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = office.casebook.seal

    def stumbling(ledger: Ledger, filed: Filed) -> Filed:
        if filed.draft.request.content == "坏":
            raise LookupError("nobody expected this")
        return seal(ledger, filed)

    monkeypatch.setattr(office.casebook, "seal", stumbling)
    await office.hears(text("坏", "SM1"))
    office.clock.turn(1)
    other = InboundMessage(contact="tel:+8613900139000", entry="12345", dedupe_key="SM2", text="好")
    await office.hears(other)
    office.clock.turn(60)
    with pytest.raises(LookupError):
        await office.sealer.seal_due()
    assert [one.state for one in await office.drafts()] == [State.COLLECTING, State.QUEUED]


async def test_a_message_for_a_queued_draft_extends_it(office: Office) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    office.clock.turn(60)
    await office.sealer.seal_due()
    await office.hears(text("还有井盖", "SM2"))
    draft = await office.only_draft()
    assert draft.state is State.QUEUED
    assert draft.request.content.endswith("还有井盖")


async def test_a_message_for_a_claimed_draft_leaves_the_operators_words_alone(
    office: Office,
) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    office.clock.turn(60)
    await office.sealer.seal_due()
    draft = await office.only_draft()
    await office.desk.claim(draft.draft_id, operator="wang", seen=None)
    await office.hears(text("还有井盖", "SM2"))
    draft = await office.only_draft()
    assert draft.request.content == "路灯坏了"
    assert [one.text for one in draft.messages or ()] == ["路灯坏了", "还有井盖"]


async def test_a_message_for_a_forwarded_draft_updates_it(office: Office) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    office.clock.turn(60)
    await office.sealer.seal_due()
    draft = await office.only_draft()
    await office.desk.confirm(draft.draft_id, operator="wang", seen=draft.revision)
    await office.hears(text("今晚更黑", "SM2"))
    draft = await office.only_draft()
    assert draft.state is State.FORWARDING
    assert len(draft.messages or ()) == 2


async def test_a_message_after_the_end_opens_a_linked_draft(office: Office) -> None:
    from gateway.domain.draft import Rejection

    await office.hears(text("你好", "SM1"))
    office.clock.turn(60)
    await office.sealer.seal_due()
    first = await office.only_draft()
    await office.desk.reject(
        first.draft_id, Rejection(code="no_substance"), operator="wang", seen=None
    )
    await office.hears(text("路灯坏了", "SM2"))
    _, second = await office.drafts()
    assert second.links is not None
    assert second.links.repeat_of is not None
    assert second.links.repeat_of[0].draft_id == first.draft_id


async def test_a_message_long_after_is_a_new_matter(office: Office) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    office.clock.turn(60)
    await office.sealer.seal_due()
    office.clock.turn(86_401)
    await office.hears(text("自来水停了", "SM2"))
    assert len(await office.drafts()) == 2


async def test_a_receipt_number_in_the_text_finds_ones_own_case(office: Office) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    office.clock.turn(60)
    await office.sealer.seal_due()
    first = await office.only_draft()
    office.clock.turn(200_000)
    await office.hears(text(f"{first.receipt_no} 还没修好", "SM2"))
    draft = await office.only_draft()
    assert len(draft.messages or ()) == 2


async def test_somebody_elses_receipt_number_opens_no_door(office: Office) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    first = await office.only_draft()
    stranger = InboundMessage(
        contact="tel:+8613900139000",
        entry="12345",
        dedupe_key="SM9",
        text=f"{first.receipt_no} 请告诉我",
    )
    await office.hears(stranger)
    assert len(await office.drafts()) == 2


async def test_late_messages_stand_in_the_order_of_the_provider(office: Office) -> None:
    from datetime import timedelta

    now = office.clock.now()
    await office.hears(text("二", "SM2", occurred_at=now))
    await office.hears(text("一", "SM1", occurred_at=now - timedelta(seconds=5)))
    assert (await office.only_draft()).request.content == "一\n二"


async def test_an_edit_replaces_the_words_it_edits(office: Office) -> None:
    await office.hears(text("路灯坏", "7"))
    await office.hears(text("路灯坏了", "7:edit:1", edits="7"))
    draft = await office.only_draft()
    assert draft.request.content == "路灯坏了"
    assert len(draft.messages or ()) == 1


async def test_a_redelivery_changes_nothing(office: Office) -> None:
    assert (await office.hears(text("路灯坏了", "SM1"))).status == "accepted"
    assert (await office.hears(text("路灯坏了", "SM1"))).status == "duplicate"
    assert (await office.only_draft()).revision == 2


async def test_the_same_id_with_other_words_is_kept_and_flagged(office: Office) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    assert (await office.hears(text("井盖坏了", "SM1"))).status == "accepted"
    draft = await office.only_draft()
    assert draft.extra is not None
    assert len(draft.extra["conflicting_ids"]) == 1


async def test_a_case_is_acknowledged_once(office: Office) -> None:
    for number in range(3):
        await office.hears(text("路灯坏了", f"SM{number}"))
    now = to_us(office.clock.now())
    jobs = await office.store.write(
        lambda c: work.claim(c, queue=REPLY_QUEUE, limit=9, now=now, lease=now + 1, claim_id="r")
    )
    assert len(jobs) == 1


async def test_automated_mail_is_never_answered(office: Office) -> None:
    await office.hears(text("自动回复", "SM1", automated=True))
    now = to_us(office.clock.now())
    jobs = await office.store.write(
        lambda c: work.claim(c, queue=REPLY_QUEUE, limit=9, now=now, lease=now + 1, claim_id="r")
    )
    assert jobs == []


async def test_stop_is_remembered_and_opens_no_draft(office: Office) -> None:
    await office.hears(
        ContactChange(contact=CITIZEN, entry="12345", dedupe_key="SM1", change="stopped")
    )
    state = await office.store.read(
        lambda c: correspondence.contact_state(c, kind="sms", account="main", contact=CITIZEN)
    )
    assert state.stopped
    assert await office.drafts() == []


async def test_the_old_number_names_the_old_hotline(office: Office) -> None:
    event = InboundMessage(contact=CITIZEN, entry="12319", dedupe_key="SM1", text="井盖")
    await office.hears(event)
    draft = await office.only_draft()
    assert draft.channel_detail is not None
    assert draft.channel_detail.source_hotline == "城建热线"


async def test_every_revision_is_told_with_its_snapshot(office: Office) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    office.clock.turn(60)
    await office.sealer.seal_due()
    told = [json.loads(one.body) for one in await office.told()]
    assert [one["type"] for one in told] == [
        "draft.created",
        "draft.updated",
        "message.received",
        "draft.queued",
    ]
    assert [one["data"]["draft"]["revision"] for one in told] == [1, 2, 2, 3]
    assert "query_code" not in json.dumps(told)
