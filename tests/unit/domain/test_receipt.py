"""Receipt numbers are read over bad lines: a wrong digit must be noticed."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.receipt import (
    check_digit,
    is_receipt_no,
    query_code,
    query_code_hash,
    receipt_no,
)

DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31))
COUNTS = st.integers(min_value=1, max_value=9_999_999)


def test_the_contracts_example_has_the_right_check_digit() -> None:
    assert receipt_no(date(2019, 8, 11), 123) == "1908110001230"


@given(DAYS, COUNTS)
def test_every_number_given_out_is_well_formed(day: date, count: int) -> None:
    assert is_receipt_no(receipt_no(day, count))


@given(DAYS, COUNTS, st.data())
def test_one_wrong_digit_is_always_noticed(day: date, count: int, data: st.DataObject) -> None:
    number = receipt_no(day, count)
    place = data.draw(st.integers(0, len(number) - 1))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != number[place]]))
    assert not is_receipt_no(number[:place] + digit + number[place + 1 :])


@given(st.text(max_size=25))
def test_no_text_makes_the_check_fail_with_an_error(text: str) -> None:
    assert is_receipt_no(text) in {True, False}


def test_full_width_digits_are_no_receipt_number() -> None:
    assert not is_receipt_no("１９０８１１０００１２３０")


def test_luhn_of_a_published_card_number_is_right() -> None:
    assert check_digit("7992739871") == "3"


def test_the_query_code_is_the_same_each_time_and_another_for_another_draft() -> None:
    key = b"k" * 32
    codes = {query_code(key, f"draft-{number}") for number in range(50)}
    assert query_code(key, "draft-1") == query_code(key, "draft-1")
    assert len(codes) > 45
    assert all(len(code) == 6 and code.isdigit() for code in codes)


def test_what_is_stored_of_a_query_code_depends_on_code_draft_and_key() -> None:
    stored = query_code_hash(b"k" * 32, "D", "123456")
    assert stored != query_code_hash(b"k" * 32, "D", "123457")
    assert stored != query_code_hash(b"k" * 32, "E", "123456")
    assert stored != query_code_hash(b"j" * 32, "D", "123456")
    assert "123456" not in stored
