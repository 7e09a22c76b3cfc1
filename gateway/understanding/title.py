"""The title: the first sentence that says something, cut where a clause ends."""

import re
from collections.abc import Sequence

from gateway.domain.draft import Suggestion, WorkOrderDraft
from gateway.understanding.clauses import GREETING, Span, after, clauses, sentences
from gateway.understanding.passages import Passage

RULE = "rule:title-1"
DERIVED = 0.7
DERIVED_FROM_SPEECH = 0.5

# Thirty Chinese or eighty Latin characters take about the same room on a screen.
_WIDE, _NARROW, _ROOM = 8, 3, 240
_CJK = re.compile(r"[㐀-鿿豈-﫿぀-ヿ가-힣]")
_WORD = re.compile(r"[^\W_㐀-鿿豈-﫿぀-ヿ가-힣]+")
# Titles stand in lists that many people see: a sentence that tells a number is the last choice.
_NUMBER = re.compile(r"(?:[0-9零〇幺一二两三四五六七八九洞拐勾][\s，,\-]?){7,}")
_SKIPPED = "，,、：:。.！!？?；;…-—~～"

_PREAMBLE = re.compile(
    GREETING.pattern + r"|请问(?:一下)?"
    r"|(?:我们|我|本人)?(?:今天|现在|就是|还是|主要)?(?:是)?(?:要|想要|想|来|打电话|需要|向您|向你们)*"
    r"(?:反映|说|讲|问问|问|咨询|了解|打听|报告)(?:一下子?|一个|一件|几个|个|下|件|点)?(?:问题|情况|事情|事儿|事)?"
    r"(?=[\s，,：:。]|关于|就是|有|我|你|您|的是|[^，,。\s]{4})(?:的是|就是|是)?"
    r"|(?:我们|我|本人)(?:今天|现在)?(?:是)?(?:要|想要|想|需要)(?=投诉|举报|表扬|感谢|建议|求助|提)"
    r"|(?:i|we)(?:['’]d| would) like to (?:report|say|tell you)(?: that| about)?\b"
    r"|(?:i|we) (?:want|wish|need|have) to (?:report|say|tell you)(?: that| about)?\b"
    r"|(?:i|we)(?: a|['’])(?:m|re) (?:calling|writing)(?: about| to report| because)\b",
    re.IGNORECASE,
)
_NO_MATTER = re.compile(
    r"(?:我们|我|本人)?(?:要|想|来)*(?:进行)?(?:投诉|举报|反映|咨询|建议|求助|表扬)(?:一下|问题|情况)?"
)

_WITHOUT_TEXT = {
    "zh": ("未留言来电", "未转写的来电录音", "仅含附件的来件", "无文字的来件"),
    "en": (
        "Call without a message",
        "Recorded call, not transcribed",
        "Attachments without text",
        "Message without text",
    ),
}


def from_words(passages: Sequence[Passage]) -> Suggestion | None:
    """Return the title that the citizen's own words give; None when there are none."""
    best: tuple[Passage, Span] | None = None
    for passage in passages:
        for sentence in sentences(passage.text):
            start = after(_PREAMBLE, passage.text, sentence)
            span = _before_any_number(passage.text, Span(start, sentence.end))
            said = passage.text[span.start : span.end]
            if _says_something(said):
                return _suggestion(passage, span)
            if best is None and (_CJK.search(said) or _WORD.search(said)):
                best = passage, span
    if best is not None:
        return _suggestion(*best)
    for passage in passages:  # nothing but a greeting: better than an empty title
        span = _trimmed(passage.text, Span(0, len(passage.text)))
        if span.start < span.end:
            return _suggestion(passage, span)
    return None


def without_words(draft: WorkOrderDraft) -> Suggestion:
    """Return the title of a contact that left no text, in the draft's language.

    A recording that nobody has transcribed is not called empty: there may be a voice in it.
    """
    language = (draft.reporter.language or "").lower().partition("-")[0]
    silent, untranscribed, files, nothing = _WITHOUT_TEXT.get(language, _WITHOUT_TEXT["zh"])
    if draft.channel == "voice":
        recorded = any(one.kind == "recording" for one in draft.attachments or ())
        unheard = "transcript_missing" in (draft.extra or {})
        title = untranscribed if unheard or (recorded and draft.transcript is None) else silent
    else:
        title = files if draft.attachments else nothing
    return Suggestion(
        field="request.title", value=title, confidence=DERIVED, by=RULE, status="derived"
    )


def _suggestion(passage: Passage, span: Span) -> Suggestion:
    start, end = _cut(passage.text, span)
    return Suggestion(
        field="request.title",
        value=passage.text[start:end],
        confidence=DERIVED_FROM_SPEECH if passage.spoken else DERIVED,
        by=RULE,
        status="derived",
        evidence=(passage.quote(start, end),),
    )


def _says_something(said: str) -> bool:
    if _NO_MATTER.fullmatch(said) or _NUMBER.search(said):
        return False
    return len(_CJK.findall(said)) >= 4 or len(_WORD.findall(said)) >= 3


def _before_any_number(text: str, span: Span) -> Span:
    """Return the clauses before the one that tells a number; the span itself if there are none."""
    number = _NUMBER.search(text, *span)
    if number is not None:
        ends = [piece.end for piece in clauses(text, span) if piece.end <= number.start()]
        span = Span(span.start, ends[-1]) if ends else span
    return _trimmed(text, span)


def _cut(text: str, span: Span) -> Span:
    """Return as many whole clauses as there is room for; a first clause too long is cut itself."""
    limit = _reach(text, span)
    if limit == span.end:
        return span
    ends = [piece.end for piece in clauses(text, span) if piece.end <= limit]
    for end in reversed(ends):
        if _says_something(text[span.start : end]):
            return _trimmed(text, Span(span.start, end))
    word_end = text.rfind(" ", span.start, limit + 1)
    # Half the room at least, or one long word would leave next to nothing.
    if not _CJK.match(text[limit]) and word_end - span.start > (limit - span.start) // 2:
        limit = word_end
    return _trimmed(text, Span(span.start, limit))


def _reach(text: str, span: Span) -> int:
    room = _ROOM
    for place in range(span.start, span.end):
        # From U+1100 (Hangul) on, characters are about as wide as they are high.
        room -= _WIDE if ord(text[place]) >= 0x1100 else _NARROW
        if room < 0:
            return place
    return span.end


def _trimmed(text: str, span: Span) -> Span:
    start, end = span
    while start < end and _says_nothing(text[start]):
        start += 1
    while end > start and _says_nothing(text[end - 1]):
        end -= 1
    return Span(start, end)


def _says_nothing(character: str) -> bool:
    return character.isspace() or character in _SKIPPED
