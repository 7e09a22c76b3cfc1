"""Number words become figures where people write figures, and nowhere else."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.speech.text import Guard, Written, written
from gateway.speech.text.numerals import ANY, cardinal, figures

TABLE = Path(__file__).parents[3] / "fixtures" / "speech" / "written.tsv"
NAMES = ("三里庄", "三里屯", "五一路", "二七新村", "十亩园街", "十亩园", "经十路", "七里河")
GUARD = Guard(NAMES)
VALUES = dict(zip("零〇一二三四五六七八九两幺", "0012345678921", strict=True))

CASES = [
    tuple(line.split("\t"))
    for line in TABLE.read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
spoken = st.text(
    st.sampled_from(
        "零一二三四五六七八九十百千万亿两幺点半号楼栋单元室路年月日块钱毛分个人天电话是打"
        "百分之第几多，。 3aX"
    ),
    max_size=24,
)


def chinese(text: str) -> str:
    return written(text, "zh", GUARD).text


def test_the_table_has_both_directions_of_error() -> None:
    assert len(CASES) >= 150
    assert sum(heard == form for heard, form, _ in CASES) >= 50
    assert len({heard for heard, _, _ in CASES}) == len(CASES)


@pytest.mark.parametrize(("heard", "form", "why"), CASES, ids=[case[0] for case in CASES])
def test_a_phrase_is_written_as_people_write_it(heard: str, form: str, why: str) -> None:
    assert chinese(heard) == form, why


@pytest.mark.parametrize(("heard", "form", "why"), CASES, ids=[case[0] for case in CASES])
def test_the_same_holds_inside_a_sentence(heard: str, form: str, why: str) -> None:
    assert chinese(f"你好，{heard}，谢谢。") == f"你好，{form}，谢谢。"


@pytest.mark.parametrize(
    ("name", "text"),
    [("二七路", "一二七路公交车"), ("三号", "二十三号")],
)
def test_a_name_inside_a_longer_number_guards_nothing(name: str, text: str) -> None:
    assert written(text, "zh", Guard([name])) == written(text, "zh", Guard())


def test_a_name_of_the_city_stays_where_a_rule_would_take_it() -> None:
    assert written("我住三号院小区", "zh", Guard()).text == "我住3号院小区"
    assert written("我住三号院小区", "zh", Guard(["三号院小区"])).text == "我住三号院小区"


def bare(text: str) -> str:
    """Everything that is no number; a percentage and a decimal point are said in words."""
    return re.sub(rf"[{ANY}0-9%.点]|百分之", "", text).replace("分之", "")


def weights(text: str) -> str:
    """The figures other than zero that are said or written, in order."""
    ten = re.sub(r"(?<![一二三四五六七八九])十", "一", text)
    return "".join(VALUES.get(one, one) for one in ten if one in VALUES or one.isdigit()).replace(
        "0", ""
    )


@given(spoken)
@example("百分之十")
@example("打我电话幺三八零零幺三八零零零一个人")
def test_no_number_appears_that_was_not_said(text: str) -> None:
    form = written(text, "zh", GUARD)
    for change in form.spans:
        source = text[change.start : change.end]
        assert weights(source) == weights(change.text), (source, change.text)
        if not re.search("[零〇十百千万亿]", source):
            assert "0" not in change.text


@given(spoken)
def test_nothing_but_number_words_is_rewritten(text: str) -> None:
    form = written(text, "zh", GUARD)
    assert bare(form.text) == bare(text)
    assert rebuilt(text, form) == form.text


@given(spoken)
def test_writing_it_again_changes_nothing(text: str) -> None:
    once = chinese(text)
    assert chinese(once) == once


@given(st.text(max_size=60))
def test_any_text_at_all_is_taken(text: str) -> None:
    for language in ("zh", "en", "ko", ""):
        assert rebuilt(text, form := written(text, language, GUARD)) == form.text


def rebuilt(text: str, form: Written) -> str:
    parts, done = [], 0
    for change in form.spans:
        assert done <= change.start < change.end <= len(text)
        parts += [text[done : change.start], change.text]
        done = change.end
    return "".join([*parts, text[done:]])


@given(st.integers(1, 99_999_999))
def test_a_number_that_is_said_is_the_number_that_is_written(value: int) -> None:
    assert cardinal(said(value)) == value
    form = chinese(f"一共交了{said(value)}元钱")
    assert form == f"一共交了{figures(value)}元钱"
    assert in_full(figures(value)) == value


@given(st.text(st.sampled_from("0123456789"), min_size=7, max_size=18))
def test_a_row_of_figures_keeps_every_one_of_them(row: str) -> None:
    words = "".join("零幺二三四五六七八九"[int(one)] for one in row)
    assert chinese(f"号码是{words}。") == f"号码是{row}。"


def in_full(text: str) -> int:
    return int(text.removesuffix("万")) * (10_000 if text.endswith("万") else 1)


def said(value: int) -> str:
    """Say a number below one hundred million as a schoolbook does."""
    high, low = divmod(value, 10_000)
    words = f"{section(high)}万" if high else ""
    if low:
        words += ("零" if high and low < 1000 else "") + section(low)
    return words.removeprefix("一") if words.startswith("一十") else words


def section(value: int) -> str:
    words, gap = "", False
    for size, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        figure, value = divmod(value, size)
        if figure:
            words += ("零" if gap and words else "") + "一二三四五六七八九"[figure - 1] + unit
            gap = False
        else:
            gap = True
    return words


@pytest.mark.parametrize(
    ("heard", "form"),
    [
        ("call one three eight zero zero one three eight", "call 13800138"),
        ("my number is oh five three one eight two oh three", "my number is 05318203"),
        ("room double four one two", "room 4412"),
        ("one two three, go", "one two three, go"),
        ("one of two three", "one of two three"),
        ("oh one two three four", "oh one two three four"),
        ("no one two weeks ago", "no one two weeks ago"),
        ("one two three four hundred", "one two three four hundred"),
        ("Two One Two Five", "2125"),
    ],
)
def test_english_rows_of_figures(heard: str, form: str) -> None:
    assert written(heard, "en", Guard()).text == form


def test_a_language_without_rules_stays_as_it_is() -> None:
    assert written("일이삼사 三百二十元", "ko", Guard()) == Written(text="일이삼사 三百二十元")
