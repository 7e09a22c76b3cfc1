"""A form and a call are told their receipt number in the very answer."""

from gateway.domain.contact import contact
from gateway.domain.intake import CallEvent, CallMoment, InboundMessage, MediaRef
from gateway.domain.lifecycle import State
from gateway.domain.transcript import Transcript, TranscriptSegment
from gateway.intake.lookup import Lookup
from tests.contract.kit.office import Office
from tests.integration.intake.conftest import CITIZEN, VOICE, WEB


def form(words: str, key: str = "key-1") -> InboundMessage:
    """A submitted web form."""
    return InboundMessage(
        contact=contact("web", "anonymous"),
        entry="site",
        dedupe_key=key,
        conversation=key,
        text=words,
        seals=True,
    )


def call(moment: CallMoment, **more: object) -> CallEvent:
    """A moment of one call."""
    return CallEvent(
        contact=CITIZEN,
        entry="12345",
        dedupe_key=f"CA1:{moment}",
        conversation="CA1",
        moment=moment,
        **more,  # type: ignore[arg-type]
    )


async def test_a_form_is_answered_with_receipt_number_and_query_code(office: Office) -> None:
    outcome = await office.hears(form("路灯坏了"), WEB)
    draft = await office.only_draft()
    assert outcome.receipt_no == draft.receipt_no
    assert outcome.draft_id == draft.draft_id
    assert draft.state is State.QUEUED
    assert draft.reporter.kind == "anonymous"


async def test_the_same_form_again_gets_the_first_answer(office: Office) -> None:
    first = await office.hears(form("路灯坏了"), WEB)
    again = await office.hears(form("路灯坏了"), WEB)
    assert again.status == "duplicate"
    assert (again.receipt_no, again.query_code) == (first.receipt_no, first.query_code)
    assert len(await office.drafts()) == 1


async def test_the_same_key_with_another_form_is_a_conflict(office: Office) -> None:
    await office.hears(form("路灯坏了"), WEB)
    again = await office.hears(form("井盖坏了"), WEB)
    assert again.conflict
    assert len(await office.drafts()) == 1


async def test_number_and_code_open_the_case_together_only(office: Office) -> None:
    outcome = await office.hears(form("路灯坏了"), WEB)
    lookup = Lookup(store=office.store, key=b"k" * 32, clock=office.clock)
    assert outcome.receipt_no is not None
    assert outcome.query_code is not None
    found = await lookup.status(outcome.receipt_no, outcome.query_code)
    assert found is not None
    assert found.title == "路灯坏了"
    wrong = f"{(int(outcome.query_code) + 1) % 1_000_000:06d}"
    assert await lookup.status(outcome.receipt_no, wrong) is None
    assert await lookup.status("1908110001230", outcome.query_code) is None


async def test_a_call_opens_its_draft_when_it_starts_and_seals_it_when_it_ends(
    office: Office,
) -> None:
    started = await office.hears(call(CallMoment.STARTED), VOICE)
    assert started.receipt_no
    assert (await office.only_draft()).state is State.COLLECTING
    segment = TranscriptSegment(speaker="citizen", start_ms=0, end_ms=900, text="停水了")
    await office.hears(
        InboundMessage(
            contact=CITIZEN,
            entry="12345",
            dedupe_key="CA1:segment:1",
            conversation="CA1",
            text="停水了",
            transcript=Transcript(engine="scripted", segments=(segment,)),
        ),
        VOICE,
    )
    recording = MediaRef(
        id="CA1", kind="recording", media_type="audio/wav", sha256="a" * 64, size=10
    )
    ended = call(CallMoment.ENDED, recording=recording, duration_ms=4200, cause="caller")
    await office.hears(ended, VOICE)
    draft = await office.only_draft()
    assert draft.state is State.QUEUED
    assert draft.request.content == "停水了"
    assert draft.request.content_source == "asr"
    assert draft.attachments is not None
    assert draft.attachments[0].kind == "recording"
    assert draft.extra == {"call_duration_ms": 4200, "hangup_cause": "caller"}
    assert "forgot CA1" in office.noted


async def test_a_caller_who_hangs_up_without_a_word_leaves_a_draft(office: Office) -> None:
    await office.hears(call(CallMoment.STARTED), VOICE)
    await office.hears(call(CallMoment.ABANDONED, duration_ms=900), VOICE)
    assert (await office.only_draft()).state is State.QUEUED
    assert "call.abandoned" in [one.type for one in await office.told()]


async def test_a_call_told_twice_is_one_call(office: Office) -> None:
    first = await office.hears(call(CallMoment.STARTED), VOICE)
    again = await office.hears(call(CallMoment.STARTED, cause="retry"), VOICE)
    assert again.status == "duplicate"
    assert again.receipt_no == first.receipt_no


async def test_an_idempotency_key_stands_for_itself_whoever_uses_it(office: Office) -> None:
    await office.hears(form("路灯坏了"), WEB)
    other = InboundMessage(
        contact=CITIZEN,
        entry="site",
        dedupe_key="key-1",
        conversation="another",
        text="路灯坏了",
        seals=True,
    )
    assert (await office.hears(other, WEB)).conflict


async def test_the_carriers_news_does_not_cut_off_the_last_words(office: Office) -> None:
    await office.hears(call(CallMoment.STARTED), VOICE)
    news = CallEvent(
        contact=CITIZEN,
        entry="12345",
        dedupe_key="CA1:status:completed",
        conversation="CA1",
        moment=CallMoment.ENDED,
        cause="carrier_completed",
    )
    await office.hears(news, VOICE)
    assert (await office.only_draft()).state is State.COLLECTING
    await office.hears(call(CallMoment.ENDED, cause="caller_hung_up"), VOICE)
    draft = await office.only_draft()
    assert draft.state is State.QUEUED
    assert draft.extra == {"hangup_cause": "caller_hung_up"}
    assert [one.type for one in await office.told()].count("call.ended") == 1


async def test_a_call_whose_end_is_known_only_to_the_carrier_is_sealed_a_little_later(
    office: Office,
) -> None:
    await office.hears(call(CallMoment.STARTED), VOICE)
    news = CallEvent(
        contact=CITIZEN,
        entry="12345",
        dedupe_key="CA1:status:completed",
        conversation="CA1",
        moment=CallMoment.ENDED,
        cause="carrier_completed",
    )
    await office.hears(news, VOICE)
    office.clock.turn(46)
    assert await office.sealer.seal_due() == 1
    assert (await office.only_draft()).state is State.QUEUED
