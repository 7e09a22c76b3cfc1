"""A call is listened to again: better words, a new revision, and the first ones still there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.channel.contract import ChannelSpec
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.intake import CallEvent, CallMoment, InboundMessage, MediaRef, Span, StoredEvent
from gateway.domain.lifecycle import State
from gateway.domain.transcript import Speaker, Transcript, TranscriptSegment
from gateway.intake.desk import Patch
from gateway.intake.recognising import RECOGNISE, SecondPass, recognise_later
from gateway.intake.transcribing import Transcriber
from gateway.speech.decoding import AudioError
from gateway.store import drafts
from tests.contract.kit.office import Office, open_office
from tests.integration.intake.conftest import CITIZEN, VOICE

BOTH_ENGINES = pytest.mark.parametrize(
    "store_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
POSTPONED = "2 utterance(s) were postponed"


def segment(words: str, at_ms: int, speaker: Speaker = "citizen") -> TranscriptSegment:
    return TranscriptSegment(speaker=speaker, start_ms=at_ms, end_ms=at_ms + 900, text=words)


def call(moment: CallMoment, **more: Any) -> CallEvent:
    return CallEvent(
        contact=CITIZEN,
        entry="12345",
        dedupe_key=f"CA1:{moment}",
        conversation="CA1",
        moment=moment,
        **more,
    )


def says(words: str, at_ms: int, speaker: Speaker = "citizen") -> InboundMessage:
    return InboundMessage(
        contact=CITIZEN,
        entry="12345",
        dedupe_key=f"CA1:segment:{speaker}:{at_ms}",
        conversation="CA1",
        text=words,
        transcript=Transcript(engine="live", model="m", segments=(segment(words, at_ms, speaker),)),
    )


def ended(**more: Any) -> CallEvent:
    recording = MediaRef(
        id="CA1:recording", kind="recording", media_type="audio/wav", sha256="a" * 64, size=10
    )
    return call(CallMoment.ENDED, recording=recording, **more)


@dataclass
class Listener:
    """A recogniser of stored recordings that has been told what it will hear."""

    hears: dict[str, Transcript | None]
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(
        self,
        sha256: str,
        *,
        language: str | None = None,
        entry: str | None = None,
        topic: str | None = None,
        connected: Sequence[Span] = (),
    ) -> Transcript | None:
        self.asked.append(
            {
                "sha256": sha256,
                "language": language,
                "entry": entry,
                "topic": topic,
                "connected": tuple(connected),
            }
        )
        return self.hears[sha256]


def heard(*segments: TranscriptSegment, duration_ms: int = 10_000) -> Transcript:
    return Transcript(engine="thorough", model="m", segments=segments, duration_ms=duration_ms)


async def after(office: Office, *events: StoredEvent, spec: ChannelSpec = VOICE) -> WorkOrderDraft:
    for event in events:
        await office.hears(event, spec)
    return await office.only_draft()


async def second_pass(office: Office, listener: Listener) -> WorkOrderDraft:
    """Do the recognising that is due; return the draft as it is then."""
    handle = Transcriber(
        ledgers=office.ledgers, casebook=office.casebook, transcribe=listener
    ).handle
    await office.do(RECOGNISE, handle)
    return await office.only_draft()


async def told(office: Office) -> list[str]:
    return [one.type for one in await office.told()]


BETTER = heard(segment("解放路的路灯坏了", 100))


@BOTH_ENGINES
async def test_postponed_words_are_filled_in_from_the_recording(office: Office) -> None:
    listener = Listener({"a" * 64: BETTER})
    draft = await after(
        office,
        call(CallMoment.STARTED),
        call(CallMoment.PROGRESS, facts={"topic": "light"}, language="en"),
        says("路的路灯坏", 100),
        ended(transcript_missing=POSTPONED),
    )
    assert draft.state is State.QUEUED
    assert (draft.extra or {})["transcript_missing"] == POSTPONED
    live_revision = draft.revision

    draft = await second_pass(office, listener)
    assert draft.transcript is not None
    assert (draft.transcript.pass_no, draft.transcript.engine) == (2, "thorough")
    assert draft.request.content == "解放路的路灯坏了"
    assert draft.request.title == "解放路的路灯坏了", "it is read again from the better words"
    assert "transcript_missing" not in (draft.extra or {})
    assert (draft.extra or {})["transcripts"] == [
        {"pass_no": 1, "revision": live_revision, "engine": "live", "model": "m"}
    ]
    assert listener.asked == [
        {
            "sha256": "a" * 64,
            "language": "en",
            "entry": "12345",
            "topic": "light",
            "connected": (),
        }
    ]
    assert (await told(office)).count("transcript.ready") == 2


async def test_the_live_words_stay_in_the_history_and_in_the_messages(office: Office) -> None:
    await after(office, call(CallMoment.STARTED), says("路灯坏", 0), ended(transcript_missing="x"))
    draft = await second_pass(office, Listener({"a" * 64: BETTER}))
    named = (draft.extra or {})["transcripts"][0]["revision"]
    then = await office.store.read(lambda c: drafts.revision(c, draft.draft_id, named))
    assert then.transcript is not None
    assert then.transcript.text == "路灯坏"
    assert [one.text for one in draft.messages or ()] == ["路灯坏"]


async def test_a_call_without_any_recogniser_gets_its_words_later(office: Office) -> None:
    await after(office, call(CallMoment.STARTED), ended(transcript_missing="no speech model"))
    draft = await second_pass(office, Listener({"a" * 64: None}))
    assert (draft.extra or {})["transcript_missing"] == "no speech model"
    assert draft.transcript is None


async def test_a_recording_that_cannot_be_read_leaves_its_reason_on_the_draft(
    office: Office,
) -> None:
    async def refuse(sha256: str, **_: Any) -> Transcript | None:
        raise AudioError("the WAV file is truncated: it has no sound", "copy it again")

    await after(office, call(CallMoment.STARTED), ended(transcript_missing="no speech model"))
    handle = Transcriber(ledgers=office.ledgers, casebook=office.casebook, transcribe=refuse).handle
    await office.do(RECOGNISE, handle)
    draft = await office.only_draft()
    assert (draft.extra or {})["transcript_missing"] == "the WAV file is truncated: it has no sound"
    assert draft.transcript is None
    assert draft.state is State.QUEUED
    assert "transcript.ready" not in await told(office)


async def test_words_corrected_by_a_person_stay_as_they_are(office: Office) -> None:
    draft = await after(
        office, call(CallMoment.STARTED), says("路灯坏", 0), ended(transcript_missing="x")
    )
    patch = Patch(request={"content": "解放路12号路灯不亮"})
    await office.desk.correct(draft.draft_id, patch, operator="li", seen=None)
    draft = await second_pass(office, Listener({"a" * 64: BETTER}))
    assert draft.request.content == "解放路12号路灯不亮"
    assert draft.transcript is not None
    assert draft.transcript.pass_no == 2


async def test_a_claimed_draft_gets_the_transcript_and_keeps_its_content(office: Office) -> None:
    draft = await after(
        office, call(CallMoment.STARTED), says("路灯坏", 0), ended(transcript_missing="x")
    )
    await office.desk.claim(draft.draft_id, operator="li", seen=None)
    draft = await second_pass(office, Listener({"a" * 64: BETTER}))
    assert draft.request.content == "路灯坏"
    assert draft.transcript is not None
    assert draft.transcript.pass_no == 2


async def test_hearing_nothing_the_second_time_proves_nothing(office: Office) -> None:
    await after(office, call(CallMoment.STARTED), says("路灯坏", 0), ended(transcript_missing="x"))
    draft = await second_pass(office, Listener({"a" * 64: heard()}))
    assert draft.transcript is not None
    assert draft.transcript.pass_no is None
    assert (draft.extra or {})["transcript_missing"] == "x"


async def test_the_person_is_listened_to_only_while_connected(office: Office) -> None:
    listener = Listener(
        {"a" * 64: heard(segment("路灯坏了", 0), segment("好的", 5000, "operator"))}
    )
    await after(
        office,
        call(CallMoment.STARTED),
        says("路灯", 0),
        says("好", 5000, "operator"),
        ended(transcript_missing="x", connected=(Span(start_ms=4000, end_ms=9000),)),
    )
    draft = await second_pass(office, listener)
    assert listener.asked[0]["connected"] == (Span(start_ms=4000, end_ms=9000),)
    assert draft.transcript is not None
    order = [(one.speaker, one.text) for one in draft.transcript.segments]
    assert order == [("citizen", "路灯坏了"), ("operator", "好的")]
    assert draft.request.content == "路灯坏了"


async def test_a_persons_live_words_stay_where_the_recording_does_not_hold_them_apart(
    office: Office,
) -> None:
    await after(
        office,
        call(CallMoment.STARTED),
        says("路灯", 0),
        says("好", 5000, "operator"),
        ended(transcript_missing="x"),
    )
    draft = await second_pass(office, Listener({"a" * 64: heard(segment("路灯坏了", 6000))}))
    assert draft.transcript is not None
    order = [(one.speaker, one.text) for one in draft.transcript.segments]
    assert order == [("operator", "好"), ("citizen", "路灯坏了")]


@pytest.mark.parametrize(
    ("which", "missing", "passes"),
    [
        ("always", None, 1),
        ("always", "x", 1),
        ("missing", None, 0),
        ("missing", "x", 1),
        ("never", "x", 0),
    ],
)
async def test_which_calls_are_listened_to_again_is_the_sites_choice(
    store_url: str, which: SecondPass, missing: str | None, passes: int
) -> None:
    listener = Listener({"a" * 64: BETTER})
    async with open_office(store_url, listens_again=which) as office:
        await after(
            office, call(CallMoment.STARTED), says("路灯", 0), ended(transcript_missing=missing)
        )
        await second_pass(office, listener)
    assert len(listener.asked) == passes


async def test_two_recordings_of_one_call_become_one_transcript(office: Office) -> None:
    first = MediaRef(id="one", kind="recording", media_type="audio/wav", sha256="b" * 64, size=10)
    await after(
        office,
        call(CallMoment.STARTED),
        call(CallMoment.PROGRESS, recording=first),
        ended(transcript_missing="the gateway was restarted during the call"),
    )
    listener = Listener(
        {
            "b" * 64: heard(segment("路灯坏了", 100), duration_ms=4000),
            "a" * 64: heard(segment("在解放路", 100), duration_ms=3000),
        }
    )
    draft = await second_pass(office, listener)
    assert draft.transcript is not None
    assert [one.start_ms for one in draft.transcript.segments] == [100, 4100]
    assert draft.transcript.duration_ms == 7000
    assert draft.request.content == "路灯坏了\n在解放路"


async def test_a_person_is_listened_to_in_the_recording_they_were_connected_in(
    office: Office,
) -> None:
    first = MediaRef(id="one", kind="recording", media_type="audio/wav", sha256="b" * 64, size=10)
    early, late = Span(start_ms=0, end_ms=900), Span(start_ms=2000, end_ms=2900)
    await after(
        office,
        call(CallMoment.STARTED),
        call(CallMoment.PROGRESS, recording=first, connected=(early,)),
        ended(transcript_missing="x", connected=(late,)),
    )
    listener = Listener({"b" * 64: heard(), "a" * 64: heard(segment("好", 0))})
    await second_pass(office, listener)
    asked = {one["sha256"][0]: one["connected"] for one in listener.asked}
    assert asked == {"b": (early,), "a": (late,)}


async def test_a_second_job_for_what_has_been_heard_again_costs_nothing(office: Office) -> None:
    listener = Listener({"a" * 64: BETTER})
    await after(office, call(CallMoment.STARTED), says("路", 0), ended(transcript_missing="x"))
    await second_pass(office, listener)
    (draft,) = await office.drafts()
    await office.ledgers.write(
        "test", lambda ledger: recognise_later(ledger, draft.draft_id, "a" * 64)
    )
    again = await second_pass(office, listener)
    assert len(listener.asked) == 1
    assert again.revision == draft.revision


async def test_a_recording_that_is_a_message_gives_that_message_its_words(office: Office) -> None:
    ref = MediaRef(id="RE1", kind="recording", media_type="audio/wav", sha256="c" * 64, size=9)
    written = InboundMessage(
        contact=CITIZEN, entry="12345", dedupe_key="k1", conversation="CA1", text="路灯坏了"
    )
    spoken = msgspec.structs.replace(written, dedupe_key="k2", text="", media=(ref,))
    await after(office, written, spoken)
    draft = await second_pass(office, Listener({"c" * 64: heard(segment("在解放路", 0))}))
    assert [one.text for one in draft.messages or ()] == ["路灯坏了", "在解放路"]
    assert draft.request.content == "路灯坏了\n在解放路"
    assert draft.request.content_source == "mixed"


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database: one engine is enough for most of what is said here."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/hotline.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
