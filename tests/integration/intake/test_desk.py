"""What operators may do to drafts, and what is refused with a reason."""

import pytest

from gateway.domain.draft import Rejection
from gateway.domain.intake import InboundMessage
from gateway.domain.lifecycle import State, WrongState
from gateway.intake.desk import BadPatch, Patch
from gateway.store.errors import NotFound, StaleRevision
from tests.contract.kit.office import Office
from tests.integration.intake.conftest import text


async def queued(office: Office, number: int) -> str:
    """One sealed draft of a citizen of its own; returns its id."""
    event = InboundMessage(
        contact=f"tel:+861380013800{number}",
        entry="12345",
        dedupe_key=f"Q{number}",
        text="路灯坏了",
    )
    await office.hears(event)
    office.clock.turn(60)
    await office.sealer.seal_due()
    return (await office.drafts())[-1].draft_id


async def test_a_correction_is_marked_as_a_persons(office: Office) -> None:
    draft_id = await queued(office, 1)
    patch = Patch(request={"title": "解放路路灯坏了"}, confidential=True)
    draft = await office.desk.correct(draft_id, patch, operator="wang", seen=None)
    assert draft.request.title == "解放路路灯坏了"
    assert draft.request.content_source == "mixed"
    assert draft.confidential


async def test_a_correction_of_what_has_changed_meanwhile_is_refused(office: Office) -> None:
    draft_id = await queued(office, 1)
    with pytest.raises(StaleRevision, match="look at it again"):
        await office.desk.claim(draft_id, operator="wang", seen=1)


async def test_a_correction_that_leaves_no_valid_draft_is_refused(office: Office) -> None:
    draft_id = await queued(office, 1)
    with pytest.raises(BadPatch, match="invalid"):
        await office.desk.correct(
            draft_id, Patch(reporter={"phone": "12"}), operator="wang", seen=None
        )


async def test_a_draft_passes_from_claim_to_confirmation(office: Office) -> None:
    draft_id = await queued(office, 1)
    await office.desk.claim(draft_id, operator="wang", seen=None)
    await office.desk.release(draft_id, operator="wang", seen=None)
    await office.desk.claim(draft_id, operator="li", seen=None)
    draft = await office.desk.confirm(draft_id, operator="li", seen=None)
    assert draft.state is State.FORWARDING


async def test_a_rejected_draft_stays_rejected(office: Office) -> None:
    draft_id = await queued(office, 1)
    await office.desk.reject(draft_id, Rejection(code="spam"), operator="wang", seen=None)
    with pytest.raises(WrongState, match="cannot become"):
        await office.desk.confirm(draft_id, operator="wang", seen=None)


async def test_a_draft_is_merged_into_an_open_one_only(office: Office) -> None:
    first, second, third = [await queued(office, number) for number in (1, 2, 3)]
    merged = await office.desk.merge(second, first, operator="wang", seen=None)
    assert merged.links is not None
    assert merged.links.merged_into == first
    with pytest.raises(BadPatch, match="can take nothing in"):
        await office.desk.merge(third, second, operator="wang", seen=None)
    with pytest.raises(BadPatch, match="into itself"):
        await office.desk.merge(third, third, operator="wang", seen=None)
    with pytest.raises(NotFound):
        await office.desk.merge(third, "0" * 26, operator="wang", seen=None)


async def test_an_answer_is_written_down_and_sent_once(office: Office) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    draft = await office.only_draft()
    after = await office.desk.reply(draft.draft_id, "已派人维修", operator="wang", seen=None)
    assert after.messages is not None
    assert (after.messages[-1].direction, after.messages[-1].delivery) == ("out", "queued")
