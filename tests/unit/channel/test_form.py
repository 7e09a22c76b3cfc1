"""Forms are read alike whichever way they are read: all at once, or field by field."""

from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.channel.form import MAX_FIELDS, form

_PLAIN = [
    "",
    "a",
    "A",
    "=",
    "&",
    "+",
    " ",
    "\t",
    "_",
    "路",
    "%E8%B7%AF",
    "%41",
    "%3D",
    "%26",
    "%25",
]
_ODD = ["%", "%2", "%zz", "%e8", "%FF", "%00", "%01", "%0A", "\0", "\1", "\n", "\r", "\r\n"]
_PIECE = st.sampled_from([*_PLAIN, *_ODD])


def by_the_library(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode(), keep_blank_values=True)


@given(st.lists(_PIECE, max_size=12).map("".join))
@example("a%00b")
@example("a=b=c&d")
@example("a=%0A")
@example("a=\n")
@example("a=1=\n&b")
@example("a=x \n&b= \t")
def test_awkward_forms_are_read_as_the_standard_library_reads_them(text: str) -> None:
    body = text.encode()
    assert list(form(body).items()) == by_the_library(body)


@given(st.dictionaries(st.text(max_size=6), st.text(max_size=30), min_size=1, max_size=8))
def test_ordinary_forms_are_read_as_the_standard_library_reads_them(fields: dict[str, str]) -> None:
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields.items())
    assert dict(form(body.encode())) == dict(by_the_library(body.encode()))


def test_an_ordinary_form_is_read_at_once_and_any_other_is_not() -> None:
    assert type(form(b"Body=%E8%B7%AF+1%2B1%3D2&To=%2B86&City=")) is dict
    for other in (b"a=1&a=2", b"a", b"a=b=c", b"a=%zz", b"a=%00", b"a=\n"):
        assert type(form(other)) is not dict


def test_what_is_no_text_or_too_much_is_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        form(b"a=\xff")
    with pytest.raises(ValueError, match="too many"):
        form(b"&".join([b"a=1"] * (MAX_FIELDS + 1)))
    assert len(form(b"&".join(b"a%d=1" % n for n in range(MAX_FIELDS)))) == MAX_FIELDS
