"""Telephone numbers are proposed as they stand, whole or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.understanding import Passage
from gateway.understanding.phones import MOST, suggestions


def numbers(text: str, region: str = "CN", known: frozenset[str] = frozenset()) -> list[str]:
    return [one.value for one in suggestions([Passage(text=text)], region=region, known=known)]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("请打13800138000", "+8613800138000"),
        ("请打 138-0013-8000", "+8613800138000"),
        ("电话：１３８００１３８０００", "+8613800138000"),
        ("座机0531-88888888", "+8653188888888"),
        ("my number is +44 20 7946 0018", "+442079460018"),
        ("幺三八零零幺三八零零零", "+8613800138000"),
        ("一三八，零零一三，八零零零", "+8613800138000"),
        ("幺三八 嗯 零零幺三 八洞洞洞", "+8613800138000"),
        ("one three eight oh oh one three eight oh oh oh", "+8613800138000"),
    ],
)
def test_a_number_is_found_however_it_is_put(text: str, number: str) -> None:
    assert numbers(text) == [number]


@pytest.mark.parametrize(
    "text",
    [
        "受理编号2611210000018",
        "我打了400-810-8888",
        "我打了12345",
        "身份证370102199001011234",
        "幺三八零零幺三八零零",
        "幺三八零零幺三八零零零五",
        "一共三百二十块",
        "one three eight double oh one three eight oh oh oh",
        "一二三四五六七八九十",
    ],
)
def test_what_is_no_citizens_number_is_not_made_one(text: str) -> None:
    assert numbers(text) == []


def test_the_callers_own_number_is_not_proposed_again() -> None:
    assert numbers("请打13800138000", known=frozenset({"+8613800138000"})) == []


def test_a_number_told_twice_is_proposed_once() -> None:
    assert numbers("13800138000，就是幺三八零零幺三八零零零") == ["+8613800138000"]


def test_only_so_many_numbers_are_proposed() -> None:
    text = "，".join(f"1380013800{digit}" for digit in range(9))
    assert len(numbers(text)) == MOST


def test_a_heard_number_is_the_least_certain() -> None:
    (heard,) = suggestions([Passage(text="13800138000", spoken=True)], region="CN")
    (written,) = suggestions([Passage(text="13800138000")], region="CN")
    assert heard.confidence < written.confidence
    assert heard.status == "suggested"


@given(st.text(alphabet="0123456789零幺一二三四五六七八九十 -，嗯+a", max_size=40))
def test_every_digit_of_a_number_stands_in_its_evidence(text: str) -> None:
    spoken = str.maketrans("零幺一二三四五六七八九", "01123456789")
    for one in suggestions([Passage(text=text)], region="CN"):
        (evidence,) = one.evidence or ()
        assert text[evidence.start : evidence.end] == evidence.text
        said = "".join(c for c in evidence.text.translate(spoken) if c.isdigit())
        assert said.lstrip("0").removeprefix("86").lstrip("0") == one.value.removeprefix(
            "+86"
        ).removeprefix("+")
