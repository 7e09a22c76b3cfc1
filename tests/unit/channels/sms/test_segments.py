"""Cutting a reply into SMS."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.sms.outbound import SEGMENTS_PER_MESSAGE, is_gsm7, messages, segments

GSM7 = st.text(st.sampled_from("abcXYZ019 @£\n€[]{}~^|\\é"))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" * 5, 2),  # the escape never ends a segment: one septet stays empty
        ("长" * 70, 1),
        ("长" * 71, 2),
        ("长" * 134, 2),
        ("长" * 135, 3),
        ("𠮷" * 35, 1),
        ("𠮷" * 36, 2),
        ("𠮷" * 67, 3),  # 33 pairs fill 66 of 67 units
        ("`", 1),
        ("`" + "a" * 70, 2),  # one character outside the alphabet makes it all UCS-2
    ],
)
def test_segments_are_counted_in_the_alphabet_of_the_whole_text(text: str, count: int) -> None:
    assert segments(text) == count


@given(st.one_of(st.text(max_size=6000), GSM7, st.text(st.sampled_from("𠮷长a"), max_size=3000)))
def test_messages_join_back_and_fit(text: str) -> None:
    parts = list(messages(text))
    assert "".join(parts) == text
    assert all(segments(part) <= SEGMENTS_PER_MESSAGE for part in parts)
    assert all(parts) or not text


@given(st.text(st.sampled_from("𠮷🚰"), min_size=1, max_size=1500))
def test_no_surrogate_pair_is_cut(text: str) -> None:
    for part in messages(text):
        assert part.encode("utf-16-be").decode("utf-16-be") == part


@pytest.mark.parametrize(("text", "fits"), [("Grüße €5", True), ("naïve", False), ("中", False)])
def test_the_gsm_alphabet_is_the_standard_s(text: str, fits: bool) -> None:
    assert is_gsm7(text) is fits


def test_ten_full_segments_are_one_message_and_one_more_character_makes_two() -> None:
    assert len(list(messages("长" * 670))) == 1
    assert len(list(messages("长" * 671))) == 2
    assert len(list(messages("a" * 1530))) == 1
    assert len(list(messages("a" * 1531))) == 2
