"""A request type is stated in so many words, or it is not known."""

import pytest

from gateway.understanding import Passage, understand
from gateway.understanding.request_type import suggestion
from tests.unit.understanding.drafts import draft


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("我要投诉楼下的烧烤店", "complaint"),
        ("我们想向城管局投诉占道经营", "complaint"),
        ("投诉：垃圾三天没清运", "complaint"),
        ("【投诉】夜间施工", "complaint"),
        ("你好，请问是市长热线吗，我要投诉", "complaint"),
        ("I would like to complain about the noise", "complaint"),
        ("I'm calling to file a complaint against a taxi driver", "complaint"),
        ("我想咨询一下医保转移", "consultation"),
        ("请问居住证怎么办", "consultation"),
        ("Could you tell me when the library opens?", "consultation"),
        ("I want to know how to renew my permit", "consultation"),
        ("建议在路口增设红绿灯", "suggestion"),
        ("我想提个建议", "suggestion"),
        ("We suggest a new bus stop", "suggestion"),
        ("我要实名举报一家无证餐馆", "report"),
        ("举报非法采砂", "report"),
        ("I want to report an illegal dump", "report"),
        ("我要表扬社区的王主任", "praise"),
        ("我想感谢派出所的民警", "praise"),
        ("I want to thank the fire brigade", "praise"),
        ("求助，老人走丢了", "help"),
        ("路灯坏了，请尽快派人维修", "help"),
        ("帮忙看一下我的公交卡", "help"),
        ("Please fix the street light", "help"),
    ],
)
def test_explicit_words_state_the_type(text: str, type_: str) -> None:
    found = suggestion([Passage(text=text)])
    assert found is not None
    assert (found.value, found.status, found.alternatives) == (type_, "stated", None)


@pytest.mark.parametrize(
    "text",
    [
        "我不是投诉",
        "不是我要投诉",
        "我不想投诉任何人",
        "投诉电话一直打不通",
        "我上次投诉过了没有人管",
        "他说“我要投诉你们”",
        '他说："我要投诉你们"',
        "物业叫我先投诉",
        "再不处理我就要投诉了",
        "如果还不修，我要投诉",
        "举报人信息泄露",
        "感谢您的帮助",
        "谢谢，请处理",
        "请问是12345吗",
        "小区停水了",
        "I don't want to complain",
        "He said I want to complain",
        "If nobody comes, I will complain",
        "I want to report a pothole",
        "We have complained three times",
        "",
    ],
)
def test_words_that_state_nothing_leave_it_open(text: str) -> None:
    assert suggestion([Passage(text=text)]) is None


def test_what_is_denied_gives_way_to_what_is_meant() -> None:
    found = suggestion([Passage(text="我不是投诉，是想咨询一下退休手续")])
    assert found is not None
    assert found.value == "consultation"


def test_politeness_at_the_end_of_a_complaint_does_not_make_it_a_call_for_help() -> None:
    found = suggestion([Passage(text="我要投诉施工噪音，请问什么时候能停，请帮忙协调")])
    assert found is not None
    assert found.value == "complaint"


def test_two_stated_types_are_a_conflict_and_the_field_stays_open() -> None:
    after = understand(draft("我要建议增加公交", "另外我要投诉19路司机"), {})
    assert after.request.type == "unclassified"
    found = next(one for one in after.suggestions or () if one.field == "request.type")
    assert found.status == "conflict"
    assert found.value == "unclassified"
    assert found.alternatives == ("suggestion", "complaint")
    assert [one.source for one in found.evidence or ()] == ["m0", "m1"]


def test_the_same_type_stated_twice_is_no_conflict() -> None:
    after = understand(draft("我要投诉", "我要投诉隔壁工地"), {})
    assert after.request.type == "complaint"


def test_a_recognised_word_is_worth_less_than_a_written_one() -> None:
    written = suggestion([Passage(text="我要投诉")])
    heard = suggestion([Passage(text="我要投诉", spoken=True)])
    assert written is not None
    assert heard is not None
    assert heard.confidence < written.confidence


def test_the_evidence_is_the_statement_itself() -> None:
    text = "你好，我要投诉楼下烧烤店"
    found = suggestion([Passage(text=text, source="m1")])
    assert found is not None
    (evidence,) = found.evidence or ()
    assert evidence.text == "我要投诉"
    assert text[evidence.start : evidence.end] == "我要投诉"
    assert evidence.source == "m1"
