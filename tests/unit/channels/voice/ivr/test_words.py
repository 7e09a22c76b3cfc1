"""What was said is told apart from what merely sounds like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice.ivr.words import COMMANDS, NUMERALS, choice, command, digits

MENU = {
    "投诉": "1", "咨询": "2", "查询": "3", "查询进度": "4", "人工": "0", "转人工": "0",
    "一": "1", "幺": "1", "二": "2", "两": "2", "one": "1", "operator": "0", "report": "1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("投诉", "1"),
        ("我要投诉。", "1"),
        ("查询一下进度", "3"),
        ("我想查询进度", "4"),
        ("请帮我转人工服务，谢谢！", "0"),
        ("转 人 工", "0"),
        ("我要投诉，就是有人占道", "1"),
        ("一", "1"),
        ("嗯，按一。", "1"),
        ("选二吧", "2"),
        ("第二个", "2"),
        ("幺", "1"),
        ("One, please.", "1"),
        ("OPERATOR", "0"),
        ("I would like to talk to an operator", "0"),
        ("能不能转人工", "0"),
        ("可不可以给我转人工", "0"),
        ("不好意思，转人工", "0"),
    ],
)
def test_a_phrase_stands_for_its_choice(text: str, meant: str) -> None:
    assert choice(text, MENU) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "。。。",
        "不用转人工",
        "我不要人工",
        "不是投诉",
        "没有要投诉",
        "人工就不用了",
        "I do not want an operator",
        "I don't want to talk to the operator.",
        "no operator",
        "一个问题",  # a number inside a sentence is no choice
        "someone",
        "reporter",  # words are whole words
        "投诉还是咨询",  # two of the same length
    ],
)
def test_what_is_refused_or_unclear_is_no_choice(text: str) -> None:
    assert choice(text, MENU) is None


def test_what_is_refused_does_not_hide_what_is_wanted() -> None:
    assert choice("不要投诉，我要查询进度", MENU) == "4"


@pytest.mark.parametrize(
    "text", ["转人工", "请给我转人工吧", "喂，你好，找人工", "operator please"]
)
def test_a_choice_and_politeness_is_a_command(text: str) -> None:
    assert command(text, MENU) == "0"


@pytest.mark.parametrize(
    "text",
    [
        "我要投诉楼下烧烤店油烟扰民",
        "上次转人工没有人接电话",
        "I want to report a broken street lamp",
        "不用转人工",
        "一号楼",
        "",
    ],
)
def test_a_matter_is_no_command(text: str) -> None:
    assert command(text, MENU) is None


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("一三九，一二三四，五六七八", "13912345678"),
        ("我的号码是 139 1234 5678", "13912345678"),
        ("幺三八零零幺三八零零零", "13800138000"),
        ("one three nine", "139"),
        ("６６", "66"),
        ("٦٦", "66"),
        ("我有一个问题，电话是八八八一二三四", "8881234"),
        ("没有", ""),
    ],
)
def test_spoken_digits_are_read(text: str, run: str) -> None:
    assert digits(text) == run


@given(st.text(max_size=60))
def test_any_text_can_be_asked(text: str) -> None:
    assert choice(text, MENU) in {None, *MENU.values()}
    assert set(digits(text)) <= set("0123456789")
    if command(text, MENU) is not None:
        assert command(text, MENU) == choice(text, MENU)


@given(st.dictionaries(st.text(max_size=8), st.sampled_from("123"), max_size=5), st.text())
def test_any_phrases_can_be_asked_for(phrases: dict[str, str], text: str) -> None:
    assert choice(text, phrases) in {None, *phrases.values()}


@given(st.sampled_from([*MENU]), st.sampled_from(["", "。", "，", " ", "!"]))
def test_every_phrase_alone_is_understood_as_both(phrase: str, mark: str) -> None:
    assert choice(phrase + mark, MENU) == MENU[phrase]
    assert command(mark + phrase, MENU) == MENU[phrase]


@given(
    st.sampled_from(["投诉", "咨询", "查询进度", "转人工"]),
    st.sampled_from(["不用", "不要", "我不想", "别", "不需要", "无需"]),
)
def test_every_refusal_is_understood(phrase: str, refusal: str) -> None:
    assert choice(refusal + phrase, MENU) is None
    assert choice(f"我要{phrase}", MENU) == MENU[phrase]


@given(st.text("0123456789", min_size=1, max_size=15))
def test_digits_survive_being_spoken(number: str) -> None:
    for language in NUMERALS:
        words = (NUMERALS[language][digit][0] for digit in number)
        assert digits(" ".join(words)) == number


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("是", "yes"),
        ("对，是的", "yes"),
        ("不是", "no"),
        ("不对", "no"),
        ("我是张三", None),
        ("对面", None),
    ],
)
def test_yes_is_more_than_a_character_in_a_sentence(text: str, meant: str | None) -> None:
    answers = {one: name for name in ("yes", "no") for one in COMMANDS["zh"][name]}
    assert choice(text, answers) == meant


def test_the_words_of_everywhere_do_not_contradict_each_other() -> None:
    for language, commands in COMMANDS.items():
        words = [word for name in ("person", "repeat", "back") for word in commands[name]]
        assert len(words) == len(set(words)), language
        answers = {one: name for name in ("yes", "no") for one in commands[name]}
        for word, name in answers.items():
            assert choice(word, answers) == name, (language, word)
