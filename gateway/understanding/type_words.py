"""The words that state a request type, in Chinese and English: the rule pack and nothing else.

A word alone states nothing ("投诉电话打不通"): the citizen must be the one who does it
("我要投诉"), or a clause must begin with it ("投诉：…").
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.domain.draft import RequestType


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How a type is stated: ``anywhere`` in a clause, or where it ``begins``."""

    anywhere: re.Pattern[str]
    begins: re.Pattern[str]


_I = r"(?:我们|我|本人|咱们|咱|俺)"
_INTEND = (
    r"(?:要求|想要|要|想|来|需要|希望|打算|特此|特来|今天|现在|现|再次|再|还|也|就|先|打电话|来电"
    r"|实名|匿名|正式|强烈|一定|必须|得|是|这次|另外|顺便|非常)"
)
_TO_WHOM = r"(?:(?:向|跟|对|和)[^，,。！？!?；;\s]{1,15}?)?(?:进行|提出|提)?(?:一下|一个|个)?"
# What follows shows that the word is a noun here, or long past.
_NOT_NOW = (
    r"(?!电话|热线|渠道|无门|无果|未果|过|了|人|信|书|单|件|中心|平台|栏|箱"
    r"|的|没|被|已|后|时|也|吗|到)"
)
_EN_I = (
    r"\b(?:i|we)(?:['’](?:d|m|re|ll)|\s(?:am|are|would|will|just|really|also|still|do|like|want"
    r"|wish|need|have|must|here|calling|writing|to|in order))*\s"
)
_CN_PLEASE = r"(?:请求|请|麻烦|希望|恳请|拜托|能不能|能否|可不可以|可以|可否)"
_CN_CONSULT = "咨询|询问|打听|请教|问一下|问问|了解一下|问下"


def _done(verb: str, *, intent: str = "{1,5}") -> str:
    """The citizen does it: 我要…, 我们想向你们…"""
    return rf"{_I}{_INTEND}{intent}{_TO_WHOM}(?:{verb}){_NOT_NOW}"


def _begun(verb: str) -> str:
    """A clause begins with it: …, 特此…, 【…】"""
    return rf"(?:[【\[(（]|{_INTEND}{{0,5}}{_TO_WHOM})(?:{verb}){_NOT_NOW}"


def _words(*, anywhere: tuple[str, ...], begins: tuple[str, ...]) -> Words:
    return Words(
        anywhere=re.compile("|".join(anywhere), re.IGNORECASE),
        begins=re.compile("|".join(begins), re.IGNORECASE),
    )


OUTRIGHT: Mapping[RequestType, Words] = MappingProxyType(
    {
        "complaint": _words(
            anywhere=(
                _done("投诉"),
                _EN_I + r"complain\b",
                _EN_I + r"(?:make|file|lodge|raise|submit|register|have) an? (?:\w+ )?complaint\b",
            ),
            begins=(
                _begun("投诉"),
                r"(?:this is |it['’]s )?(?:an? )?(?:\w+ )?complaint (?:about|against|regarding)\b",
                r"complaint$",
            ),
        ),
        # "I want to report a pothole" is no 举报: in English only a wrong makes it one.
        "report": _words(
            anywhere=(
                _done("举报|检举|揭发"),
                _EN_I + r"blow the whistle\b",
                _EN_I + r"report (?:\w+ ){0,4}(?:illegal|unlicen[sc]ed|fraud|corrupt|brib|crim"
                r"|violation|scam|smuggl|counterfeit)\w*",
            ),
            begins=(_begun("举报|检举|揭发"),),
        ),
        "consultation": _words(
            anywhere=(
                _done(_CN_CONSULT),
                rf"{_I}{_INTEND}{{0,4}}(?:想|要)(?:问|知道|了解)",
                _EN_I + r"(?:ask (?!you to|for|that|him|her|them)|enquire\b|inquire\b|find out\b)",
                _EN_I + r"have an? question\b",
                _EN_I + r"know (?:how|what|when|where|which|who|whether|if|about)\b",
            ),
            begins=(_begun(_CN_CONSULT), r"(?:想要|想|要)(?:问|知道|了解)"),
        ),
        "suggestion": _words(
            anywhere=(
                _done("建议", intent="{0,5}"),
                rf"{_I}{_INTEND}{{0,4}}(?:有|提出|提)(?:一|几|两|三)?(?:个|条|点|些)?"
                r"(?:小|合理化)?建议",
                _EN_I + r"(?:suggest|propose|recommend|(?:make|have) an? suggestion)\b",
            ),
            begins=(_begun("建议"), r"my suggestion is\b", r"suggestion$"),
        ),
        "praise": _words(
            anywhere=(
                _done("表扬|赞扬|感谢|点赞|致谢|送锦旗|送面锦旗"),
                _EN_I + r"(?:praise|commend|compliment|express my (?:thanks|gratitude))\b",
                _EN_I + r"thank (?!you\b)",
            ),
            begins=(_begun("表扬|赞扬"), r"(?:特此|特来|来电|打电话)(?:感谢|致谢)"),
        ),
        "help": _words(
            anywhere=(
                _done("求助|请求帮助|请求帮忙|寻求帮助", intent="{0,5}"),
                _EN_I + r"(?:ask for|request|get|need) (?:some |your |urgent )?"
                r"(?:help|assistance)\b",
            ),
            begins=(_begun("求助|请求帮助|寻求帮助|紧急求助"), r"help$"),
        ),
    }
)
"""Said in so many words."""

POLITELY: Mapping[RequestType, Words] = MappingProxyType(
    {
        "consultation": _words(
            anywhere=(
                # "请问是市长热线吗" only asks who has picked up.
                r"请问(?!(?:一下)?(?:你们|您|你|这)?(?:这里|这边|里|边)?是(?:不是)?[^，。？?]{0,12}"
                r"(?:热线|12345|服务|政府|市长))",
                r"\b(?:could|can) you (?:please )?tell me\b",
                r"\bmay i ask\b",
            ),
            begins=(r"(?:how|what|when|where|which) (?:do|does|can|should|is|are)\b",),
        ),
        "help": _words(
            anywhere=(
                _CN_PLEASE + r"[^，,。！？!?；;\s]{0,8}?"
                r"(?:帮忙|帮助|帮我|帮一下|协助|维修|抢修|修理|修一修|修一下)",
                r"救命",
                r"\bplease (?:help|fix|repair|send (?:someone|somebody|an? \w+))\b",
                r"\b(?:can|could) you (?:please )?(?:help|fix|repair)\b",
            ),
            begins=(r"(?:帮忙|帮我|帮帮)",),
        ),
    }
)
"""Turns of phrase that many a complaint ends with: they count where nothing is said outright."""
