"""A draft in words shows what a call left on it, and nothing that is not there."""

from msgspec.structs import replace

from gateway.cli._draft_in_words import in_words
from gateway.domain.draft import Suggestion
from gateway.domain.transcript import Transcript, TranscriptSegment
from tests.unit.understanding.drafts import draft


def test_everything_a_call_left_is_shown() -> None:
    one = draft("路灯\n坏了", channel="voice", phone="+8613800138000")
    segments = (
        TranscriptSegment(speaker="citizen", start_ms=61_000, end_ms=62_000, text="路灯坏了"),
        TranscriptSegment(speaker="operator", start_ms=63_500, end_ms=64_000, text="好的"),
    )
    one = replace(
        one,
        request=replace(one.request, title="路灯坏了"),
        reporter=replace(one.reporter, callback_phone="+8613900139000"),
        transcript=Transcript(segments=segments, pass_no=2),
        suggestions=(
            Suggestion(field="request.category", value="照明", confidence=0.8, by="ivr:menu"),
            Suggestion(field="request.title", value="x", confidence=1, by="r", accepted=False),
        ),
        extra={
            "callback": {"number": "+8613900139000", "reason": "queue_full"},
            "feedback": {"rating": 4},
            "ivr": {"flow": "hotline@1a2b", "facts": {"topic": "light", "anonymous": "no"}},
            "transcript_missing": "1 utterance postponed",
        },
    )
    assert list(in_words(one)) == [
        "2611210000018  collecting  voice  2026-11-21T09:30:00+00:00  01JD7Z8Q4N5T6V7W8X9Y0Z1A2B",
        "诉求人 reporter: +8613800138000",
        "标题 title: 路灯坏了",
        "诉求 request: 路灯 坏了",
        "回电号码 number to call: +8613900139000",
        "回拨任务 call-back: +8613900139000  queue_full",
        "满意度 rating: 4/5",
        "按键菜单 menu: topic=light  anonymous=no  (hotline@1a2b)",
        "转写不全 transcript not whole: 1 utterance postponed",
        "建议 suggestion: request.category: 照明",
        "转写 transcript (录音复识 second pass):",
        "  01:01  市民 citizen: 路灯坏了",
        "  01:03  话务员 operator: 好的",
    ]


def test_what_is_not_known_has_no_line() -> None:
    assert len(list(in_words(draft(phone=None)))) == 1
