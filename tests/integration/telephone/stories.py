"""What callers do, told once for every transport, and the one draft that must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Wiring = Literal["websocket", "audiosocket", "stream", "none"]
"""Two ways to an Asterisk, then a provider of TwiML with live audio and one without any."""

RECEIPT, CODE = "<receipt>", "<code>"
"""Stand in keys for the numbers of an earlier case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Does:
    """One thing a caller does once the flow is at ``at``."""

    at: str
    says: str = ""
    keys: str = ""
    leaves: bool = False
    """Hangs up; with words, in the middle of them."""
    after_s: float = 1.0
    """So long he listens first, where nothing else tells when a prompt is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rings:
    """Somebody is rung at ``at``: what becomes of it, and what is said then."""

    at: str
    outcome: Literal["finished", "no_answer"]
    caller: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The caller is asked something and does nothing."""


Line = Does | Rings | Silence


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A draft without what differs from call to call: ids, times, and the caller's own number."""

    told: tuple[str, ...] = ()
    """The numbers the caller heard: ``receipt``, ``code``, or as they were."""
    state: str = "queued"
    reporter: str = "person by caller_id"
    language: str = "zh"
    callback_phone: str | None = None
    content: str = ""
    content_source: str | None = None
    type: str = "unclassified"
    title: str = ""
    said: tuple[tuple[str, str], ...] = ()
    """Who said what, as the transcript has it."""
    facts: Mapping[str, str] = field(default_factory=dict)
    category: str | None = None
    callback: tuple[str, str] | None = None
    """Number and reason."""
    rating: int | None = None
    digits: str | None = None
    cause: str = "completed"
    recorded: bool = True
    transcript_missing: str | None = None


NUMBERS = ("receipt", "receipt", "code")
CALLER = "caller"


def stated(words: str, **more: Any) -> View:
    """Return the draft of somebody who stated his matter and heard its numbers."""
    values: dict[str, Any] = {
        "told": NUMBERS,
        "content": words,
        "content_source": "asr",
        "said": (("citizen", words),),
    }
    return View(**(values | more))


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One call; ``but`` says where a transport cannot do what the others do, and what then is."""

    lines: tuple[Line, ...]
    view: View
    but: Mapping[Wiring, Mapping[str, Any]] = field(default_factory=dict)


_NOT_RECORDED: Mapping[str, Any] = {"recorded": False}
"""Without media there is no recording of the whole call, only of what was stated."""

_WHO_HUNG_UP: Mapping[str, Any] = {"cause": "carrier_completed"}
"""Without media nobody tells who hung up."""

_RINGS_IN_VAIN = Rings(at="enterprise_desk", outcome="no_answer")

STORIES: Mapping[str, Story] = {
    "speaks the matter and hears the number": Story(
        lines=(Does(at="matter", says="路灯坏了三天没有人修"),),
        view=stated("路灯坏了三天没有人修", title="路灯坏了三天没有人修"),
    ),
    "presses 2 and asks a question": Story(
        lines=(
            Does(at="matter", keys="2"),
            Does(at="consult", says="请问公租房怎么申请"),
        ),
        view=stated(
            "请问公租房怎么申请",
            title="公租房怎么申请",
            type="consultation",
            facts={"matter": "咨询", "topic": "咨询"},
            category="咨询",
            digits="2",
        ),
    ),
    "switches to English": Story(
        lines=(
            Does(at="matter", keys="8"),
            Does(at="matter", says="the street lamp is broken"),
        ),
        view=stated(
            "the street lamp is broken",
            title="the street lamp is broken",
            language="en",
            facts={"matter": "English"},
            digits="8",
        ),
    ),
    "asks for the status of an earlier case": Story(
        lines=(
            Does(at="matter", keys="3"),
            Does(at="status_number", keys=f"{RECEIPT}#"),
            Does(at="status_code", keys=CODE),
            Does(at="after_status", leaves=True),
        ),
        view=View(
            title="未转写的来电录音",
            facts={"matter": "查询进度", "status_look": RECEIPT},
            digits=f"3{RECEIPT}#{CODE}",
            cause="caller_hung_up",
        ),
        but={"none": {**_NOT_RECORDED, **_WHO_HUNG_UP, "title": "未留言来电"}},
    ),
    "asks to be called back and corrects the number": Story(
        lines=(
            Does(at="matter", keys="4"),
            _RINGS_IN_VAIN,
            Does(at="enterprise_desk", keys="1"),
            Does(at="callback", keys="2", after_s=6),
            Does(at="callback", keys="13900139000#"),
            Does(at="callback", keys="1", after_s=6),
        ),
        view=View(
            told=(CALLER, "13900139000"),
            title="回拨任务",
            callback_phone="+8613900139000",
            callback=("+8613900139000", "requested"),
            facts={
                "matter": "企业服务",
                "topic": "企业服务",
                "enterprise_desk": "enterprise: callback",
                "phone_confirmed": "+8613900139000",
            },
            category="企业服务",
            digits="41213900139000#1",
        ),
        but={"none": _NOT_RECORDED},
    ),
    "talks with a person and rates the service": Story(
        lines=(
            Does(at="matter", keys="0"),
            Rings(at="operators", outcome="finished", caller="我家停水了", person="请您留下地址"),
            Does(at="survey", keys="1"),
        ),
        view=View(
            title="我家停水了",
            content="我家停水了",
            content_source="asr",
            said=(("citizen", "我家停水了"), ("operator", "请您留下地址")),
            facts={"operators": "operators: finished"},
            rating=5,
            digits="01",
        ),
    ),
    "nobody answers, so a message is left": Story(
        lines=(
            Does(at="matter", keys="4"),
            _RINGS_IN_VAIN,
            Does(at="enterprise_desk", keys="2"),
            Does(at="voicemail", says="请给我们公司回电话"),
        ),
        view=stated(
            "请给我们公司回电话",
            title="请给我们公司回电话",
            facts={
                "matter": "企业服务",
                "topic": "企业服务",
                "enterprise_desk": "enterprise: voicemail",
            },
            category="企业服务",
            digits="42",
        ),
    ),
    "hangs up in the middle of the statement": Story(
        lines=(Does(at="matter", says="下水道堵了", leaves=True),),
        view=stated("下水道堵了", title="下水道堵了", told=(), cause="caller_hung_up"),
        but={"none": _WHO_HUNG_UP},
    ),
    "says nothing at all": Story(
        lines=(Silence(), Silence(), Silence()),
        view=View(
            title="回拨任务",
            callback_phone=CALLER,
            callback=(CALLER, "missed"),
            cause="nothing_said",
        ),
        but={"none": _NOT_RECORDED},
    ),
    "is passed on in an emergency": Story(
        lines=(
            Does(at="matter", keys="5"),
            Does(at="emergency_menu", keys="1"),
            Rings(at="police", outcome="finished"),
        ),
        view=View(
            title="未转写的来电录音",
            facts={
                "matter": "紧急求助",
                "topic": "紧急求助",
                "emergency_menu": "110",
                "police": "110: finished",
            },
            category="紧急求助",
            digits="51",
        ),
        but={"none": {**_NOT_RECORDED, "title": "未留言来电"}},
    ),
    "asks for a person in words": Story(
        lines=(
            Does(at="matter", says="转人工"),
            Rings(at="operators", outcome="finished"),
            Does(at="survey", keys="2"),
        ),
        view=View(
            title="未转写的来电录音",
            facts={"operators": "operators: finished"},
            rating=4,
            digits="2",
        ),
        but={
            # A recording is understood only afterwards, so the words are the statement itself.
            "none": {
                "told": NUMBERS,
                "title": "转人工",
                "content": "转人工",
                "content_source": "asr",
                "said": (("citizen", "转人工"),),
                "facts": {},
                "rating": None,
                "digits": None,
            }
        },
    ),
}
