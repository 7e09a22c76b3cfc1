"""Flows made up by hypothesis, and everything a performer could answer them with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from channels.voice.ivr.flow import Flow
from channels.voice.ivr.reading import parse
from channels.voice.ivr.steps import (
    Connected,
    Facts,
    Kept,
    Looked,
    NoInput,
    Pressed,
    Reached,
    Result,
    Spoken,
    Stated,
    StatedBy,
    Waited,
)

SHIPPED = Path(__file__).resolve().parents[5] / "config" / "ivr" / "hotline.yaml"
CALENDARS = SHIPPED.parents[1] / "calendars"
NOON = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)  # a Wednesday, noon in Shanghai

NAMES = [f"n{index}" for index in range(7)]
names = st.sampled_from(NAMES)
prompts = st.lists(
    st.sampled_from(["hello", "menu", {"digits": "receipt_no"}, {"quantity": "a"}]), max_size=3
)
sets = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "城管", "x"]), max_size=2)
languages = st.sampled_from([{}, {"language": "en"}, {"language": "zh"}])
text_keys = st.sampled_from(["1", "2", "3", "4"])
maybe = st.none() | names


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def node(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind), **fields}).map(without_none)


choices = st.dictionaries(
    text_keys, st.fixed_dictionaries({"to": names, "set": sets}), min_size=1, max_size=3
)
asking: dict[str, st.SearchStrategy[Any]] = {
    "prompts": prompts,
    "no_input": prompts,
    "retries": st.integers(0, 2).map(str),
    "otherwise": maybe,
    "interruptible": st.sampled_from(["true", "false"]),
}
reaching: dict[str, st.SearchStrategy[Any]] = {
    "target": st.just("operators"),
    "otherwise": names,
    "outcomes": st.dictionaries(st.sampled_from([*Reached]).map(str), names, max_size=3),
}
nodes = st.one_of(
    node("menu", choices=choices, **asking),
    node("statement", to=names, choices=choices | st.just({}), **asking),
    node("voicemail", to=names, **asking),
    node("collect", slot=st.sampled_from(["a", "b"]), to=names, **asking),
    node("confirm", slot=st.just("a"), yes=names, no=names, **asking),
    node(
        "callback",
        to=names,
        offer=st.just(["hello"]),
        enter=st.just(["hello"]),
        check=st.just(["hello", {"digits": "callback_number"}]),
        **asking,
    ),
    node("survey", to=names, **asking),
    node("say", prompts=prompts, to=names, interruptible=st.sampled_from(["true", "false"])),
    node("goto", to=names, set=sets | languages),
    node("hangup", prompts=prompts),
    node(
        "route",
        rules=st.lists(
            st.fixed_dictionaries(
                {
                    "when": st.sampled_from(
                        [
                            {"busy": "true"},
                            {"open": "desk"},
                            {"closed": "desk"},
                            {"caller": "mobile"},
                            {"slots": {"a": ["1"]}},
                            {"withheld": "true"},
                            {"can_connect": "false"},
                            {"language": "en"},
                        ]
                    ),
                    "to": names,
                    "set": sets | languages,
                }
            ),
            min_size=1,
            max_size=3,
        ),
        otherwise=names,
    ),
    node("transfer", **reaching),
    node("queue", **reaching),
    node(
        "lookup",
        receipt_no=st.just("a"),
        query_code=st.just("b"),
        found=names,
        unknown=names,
        states=st.dictionaries(st.just("queued"), names),
        otherwise=maybe,
    ),
)

# Whatever is drawn, the slots that are read are also filled somewhere.
_FILLING = {"kind": "goto", "to": "n0", "set": {"a": "1", "b": "2"}}


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A flow that passes every check, however absurd it is."""
    given = {name: draw(nodes) for name in NAMES}
    text = yaml.safe_dump(
        {
            "flow": "random",
            "languages": ["zh", "en"],
            "start": draw(names),
            "person": draw(names),
            "way_out": draw(names),
            "farewell": ["thanks"],
            "calendars": {"cn": "cn.yaml"},
            "hours": {"desk": {"calendar": "cn", "workday": "09:00-17:00"}},
            "nodes": {**given, "filling": _FILLING},
        },
        allow_unicode=True,
    )
    return parse(text.encode(), CALENDARS / "random.yaml").flow


times = st.integers(0, 4_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
addresses = st.sampled_from(["12345", "12319", "+8613912345678", "+8653188881234", "sip:a@b.c"])
facts = st.builds(
    Facts,
    entry=addresses | st.text(max_size=80),
    caller=st.none() | addresses | st.text(max_size=80),
    at=times,
    language=st.sampled_from(["zh", "zh-CN", "en", "fr", ""]),
    recognises=st.booleans(),
    busy=st.booleans(),
    can_connect=st.booleans(),
    diverted_from=st.none() | addresses,
    values=st.just({}) | st.just({"receipt_no": "2611210000018", "query_code": "204816"}),
)
keys = st.text("0123456789*#", max_size=20)
results: st.SearchStrategy[Result] = st.one_of(
    st.builds(Pressed, keys=st.sampled_from([*"0123489*#"]) | keys),
    st.builds(
        Spoken,
        text=st.text(max_size=20),
        choice=st.none() | st.sampled_from([*"0123"]) | st.text(max_size=3),
    ),
    st.just(NoInput()),
    st.builds(
        Stated,
        heard=st.booleans(),
        by=st.sampled_from([*StatedBy]),
        key=st.none() | st.sampled_from([*"0129*#"]),
        choice=st.none() | st.sampled_from([*"012"]),
    ),
    st.builds(Connected, outcome=st.sampled_from([*Reached])),
    st.builds(Waited, outcome=st.sampled_from([*Reached])),
    st.builds(Looked, state=st.none() | st.sampled_from(["queued", "forwarded", "odd"])),
    st.builds(
        Kept,
        values=st.just({})
        | st.just({"receipt_no": "2611210000018", "query_code": "204816"})
        | st.dictionaries(st.text(max_size=5), st.text(max_size=60), max_size=2),
    ),
)
silences: st.SearchStrategy[Result] = st.one_of(
    st.just(NoInput()),
    st.just(Stated(heard=False, by=StatedBy.SILENCE)),
    st.builds(Connected, outcome=st.sampled_from([*Reached])),
    st.builds(Waited, outcome=st.sampled_from([*Reached])),
    st.just(Looked(state=None)),
    st.just(Kept()),
)
