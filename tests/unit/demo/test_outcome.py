"""A demonstration counts what is lost and what is doubled, and says what is missing."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from gateway.demo.cases import Cases, Event, Told
from gateway.demo.citizens import Contact
from gateway.demo.outcome import Outcome, Result, belongs, sorted_out
from gateway.demo.reaching import Reach
from gateway.demo.telling import closing, line, summary
from gateway.domain.draft import ChannelDetail, Reporter, Request, WorkOrderDraft
from gateway.domain.lifecycle import State

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


async def nothing(reach: Reach) -> None:
    """Do nothing."""


def contact(sender: str = "+8613800000001", *, spoken: bool = False) -> Contact:
    channel = "voice" if spoken else "sms"
    return Contact(
        channel=channel, account="demo", sender=sender, what="a call", act=nothing, spoken=spoken
    )


def draft(
    number: int = 1, *, sender: str = "+8613800000001", state: State = State.FORWARDED
) -> WorkOrderDraft:
    return WorkOrderDraft(
        schema_version="1.0",
        draft_id=f"01J0000000000000000000000{number}",
        receipt_no=f"261121000000{number}",
        jurisdiction="370100",
        revision=5,
        state=state,
        channel="sms",
        channel_detail=ChannelDetail(account="demo"),
        received_at=NOW,
        reporter=Reporter(kind="person", phone=sender),
        request=Request(type="help", title="路灯", content="小区门口的路灯坏了三天。"),
        confidential=False,
    )


def outcome(*drafts: WorkOrderDraft, told: bool | None = None, cased: bool = True) -> Outcome:
    cases = Cases()
    for place, one in enumerate(drafts if cased else ()):
        event = Event(type="draft.ready", data=Told(draft=one), timestamp=NOW)
        cases.take(f"evt_{place}", event, NOW)
    case = cases.of_draft(drafts[0].draft_id) if drafts else None
    return Outcome(contact=contact(), drafts=drafts, case=case, told=told)


def result(*outcomes: Outcome, strays: tuple[WorkOrderDraft, ...] = ()) -> Result:
    return Result(outcomes=outcomes, strays=strays, refused=0, repeated=0, waiting=0, unheard=None)


def test_one_delivered_draft_for_each_contact_leaves_nothing_missing() -> None:
    good = result(outcome(draft(), told=True))
    assert (good.lost, good.duplicates, good.missing()) == (0, 0, [])


@pytest.mark.parametrize(
    ("bad", "lost", "duplicates", "word"),
    [
        (outcome(), 1, 0, "no draft"),
        (outcome(draft(), cased=False), 1, 0, "not delivered"),
        (outcome(draft(state=State.FORWARDING)), 0, 0, "it is forwarding"),
        (outcome(draft(1), draft(2)), 0, 1, "2 drafts instead of one"),
        (outcome(draft(), told=False), 0, 0, "no acknowledgement"),
    ],
)
def test_what_went_wrong_is_counted_and_said(
    bad: Outcome, lost: int, duplicates: int, word: str
) -> None:
    found = result(outcome(draft()), bad)
    assert (found.lost, found.duplicates) == (lost, duplicates)
    assert word in "\n".join(found.missing())
    assert f"missing: sms: a call: {word}"[:20] in "\n".join(closing(found, 1.0))


def test_a_draft_of_nobody_is_a_duplicate() -> None:
    of, strays = sorted_out([contact()], [draft(1), draft(2, sender="+8613800000002")])
    assert [one.draft_id[-1] for one in of["+8613800000001"]] == ["1"]
    assert [one.draft_id[-1] for one in strays] == ["2"]
    assert result(outcome(draft()), strays=strays).duplicates == 1


def test_a_draft_belongs_to_its_sender_on_its_own_account_only() -> None:
    mine = draft()
    assert belongs(mine, contact())
    assert not belongs(mine, contact("+8613800000002"))
    assert not belongs(replace(mine, channel_detail=ChannelDetail(account="other")), contact())
    assert not belongs(mine, contact(spoken=True))


def test_people_are_told_number_channel_words_case_and_time() -> None:
    said = line(outcome(draft(), told=True))
    for word in ("2611210000001", "sms", "路灯坏了三天", "WO-000001 in 0 ms", "receipt sent"):
        assert word in said
    assert "\n" not in said


def test_programs_are_told_which_call_has_no_transcript() -> None:
    spoken = Outcome(
        contact=contact(spoken=True),
        drafts=(replace(draft(), channel="voice"),),
        case=None,
        told=None,
    )
    told = summary(result(outcome(draft()), spoken), 2.0)
    assert [one["transcript_missing"] for one in told["drafts"]] == [False, True]
    assert [one["case"] for one in told["deliveries"]] == ["WO-000001"]
