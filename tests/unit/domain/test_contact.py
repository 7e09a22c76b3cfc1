"""Contacts identify people, and logs must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.contact import BadContact, contact, e164, masked, phone_of


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("13800138000", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("0086-13800138000", "+8613800138000"),
        ("0531-88888888", "+8653188888888"),
        ("+14158675309", "+14158675309"),
        ("12", None),
        ("not a number", None),
        ("", None),
    ],
)
def test_numbers_are_one_subscriber_however_they_are_written(
    written: str, meant: str | None
) -> None:
    assert e164(written) == meant


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_is_not(text: str) -> None:
    number = e164(text)
    assert number is None or number.startswith("+")


@pytest.mark.parametrize("scheme", ["", "Tel", "te l", "电话"])
def test_a_scheme_is_lower_case_letters(scheme: str) -> None:
    with pytest.raises(BadContact):
        contact(scheme, "+8613800138000")


@pytest.mark.parametrize("identity", ["", "a\x00b", "x" * 201])
def test_an_identity_is_printable_and_short(identity: str) -> None:
    with pytest.raises(BadContact):
        contact("wechat", identity)


def test_only_a_telephone_contact_has_a_number() -> None:
    assert phone_of("tel:+8613800138000") == "+8613800138000"
    assert phone_of("wechat:o6_bmjrPTlm6_2sgVt7hMZOPfL2M") is None
    assert phone_of("tel:12345") is None


@given(st.text(min_size=7, max_size=30))
def test_a_masked_contact_shows_two_characters_at_most(identity: str) -> None:
    assert masked(f"tel:{identity}") == f"tel:…{identity[-2:]}"
