"""The flow that comes with the gateway, as callers of 12345 meet it."""

from datetime import UTC, datetime

import pytest

from channels.voice.ivr.engine import FlowWalk
from channels.voice.ivr.reading import load
from channels.voice.ivr.simulation import Simulation
from channels.voice.ivr.steps import Facts
from channels.voice.prompts.texts import read_texts
from tests.unit.channels.voice.ivr.flows import SHIPPED

MORNING = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # a Friday, ten in Shanghai
NIGHT = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
# How fast prompts are spoken, cautiously; no prompt may be longer than LONGEST_S.
CHARACTERS_A_SECOND = 4.0
WORDS_A_SECOND = 2.4
LONGEST_S = 15


def talk(*lines: str, at: datetime = MORNING, **facts: object) -> str:
    flow = load(SHIPPED)
    begun: dict[str, object] = {
        "entry": "12345", "caller": "+8613912345678", "at": at, "language": "zh", **facts,
    }  # fmt: skip
    simulation = Simulation(
        walk=FlowWalk(flow),
        texts=read_texts().with_more(flow.texts()).texts,
        facts=Facts(**begun),  # type: ignore[arg-type]
    )
    rest = iter(lines)
    return "\n".join(simulation.run(lambda _: next(rest, None)))


def test_who_just_speaks_gets_a_receipt_number() -> None:
    heard = talk("大观园门口的路灯坏了", can_connect=False)
    assert heard.count("2 6 1 1 2 0") == 2  # told twice, slowly
    assert "您的提取码是" in heard
    assert heard.endswith("(the gateway hangs up: completed)")


def test_who_speaks_needs_only_one_question() -> None:
    assert talk("路灯坏了").count("[") == 4  # the matter, its number, its code, goodbye


def test_who_says_nothing_is_reminded_once() -> None:
    heard = talk("", "", can_connect=False)
    assert "请问您还在吗" in heard
    assert "(the gateway hangs up: nothing_said)" in heard


def test_who_says_operator_gets_one_and_rates_the_talk() -> None:
    heard = talk("转人工", "finished", "1")
    assert "正在为您转接人工" in heard
    assert "(stored: 5)" in heard


@pytest.mark.parametrize("facts", [{"can_connect": False}, {"at": NIGHT}, {"busy": True}])
def test_where_nobody_is_there_zero_leads_to_a_statement(facts: dict[str, object]) -> None:
    lines = ("路灯坏了",) if facts.get("busy") else ("0", "路灯坏了")
    heard = talk(*lines, **facts)  # type: ignore[arg-type]
    assert "没有话务员可以接听" in heard
    assert "受理编号" in heard


def test_at_night_the_caller_is_told_so_once() -> None:
    assert "已经下班" in talk(at=NIGHT)
    assert "已经下班" not in talk(at=NIGHT, can_connect=False)
    assert "已经下班" not in talk()


def test_a_busy_queue_offers_to_call_back() -> None:
    heard = talk("0", "callback", "1")
    assert "1 3 9 1 2 3 4 5 6 7 8" in heard
    assert "(stored: +8613912345678, requested)" in heard


def test_a_message_can_be_left_instead_of_waiting() -> None:
    assert "受理编号" in talk("0", "voicemail", "请回电")


def test_english_is_one_key_away_and_back() -> None:
    heard = talk("8", "8")
    assert "For English, press 8." in heard
    assert "Please tell us now what happened" in heard
    assert heard.count("请直接说出您要反映的事情和地点") == 2


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("queued", "正在受理"),
        ("forwarded", "承办单位"),
        ("answered", "已经答复"),
        ("merged", "合并办理"),
        ("rejected", "不属于"),
        ("expired", "重新反映"),
    ],
)
def test_the_state_of_a_case_is_told(state: str, words: str) -> None:
    assert words in talk("3", "2611210000016", "204816", state)


def test_a_wrong_number_and_a_wrong_code_sound_the_same() -> None:
    assert "受理编号或者提取码不正确" in talk("3", "2611210000016", "204816", "")


@pytest.mark.parametrize(
    ("key", "number"), [("1", "110"), ("2", "119"), ("3", "120"), ("4", "122")]
)
def test_an_emergency_is_passed_on(key: str, number: str) -> None:
    assert f"{number}: finished" in talk("5", key, "finished")


def test_an_emergency_that_cannot_be_passed_on_is_told_whom_to_dial() -> None:
    for heard in (talk("5", can_connect=False), talk("5", "1", "failed"), talk("报警", "", "")):
        assert "直接拨打" in heard
        assert "(the gateway hangs up: emergency_referred)" in heard


def test_an_old_number_has_its_own_greeting() -> None:
    assert "原12319" in talk(entry="12319")
    assert "原12319" in talk(diverted_from="12319")


def test_business_has_its_own_desk_in_office_hours() -> None:
    assert "正在转接企业服务专席" in talk("4")
    assert "topic: 企业服务" in talk("4")
    assert "企业专席现在无人接听" in talk("4", at=NIGHT)


def test_no_prompt_is_too_long_for_an_old_caller() -> None:
    texts = load(SHIPPED).texts()
    for name, text in texts["zh"].items():
        assert len(text) / CHARACTERS_A_SECOND <= LONGEST_S, name
    for name, text in texts["en"].items():
        assert len(text.split()) / WORDS_A_SECOND <= LONGEST_S, name


def test_no_menu_offers_more_than_five_things() -> None:
    for name, node in load(SHIPPED).nodes.items():
        text = next((said.text["zh"] for _, said in node.said() if said.text), "")
        assert text.count("请按") <= 5, name
