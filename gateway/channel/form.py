"""Reads urlencoded forms: an ordinary one all at once in C, any other field by field."""

from binascii import a2b_qp
from collections.abc import Mapping
from functools import lru_cache

from yarl import URL

MAX_FIELDS = 200

_MARKS = b"&="
_NO_MARKS = bytes(set(range(256)) - set(_MARKS))
# With these few signs exchanged, a form is quoted-printable text, its names and values between
# zeros. Ends of lines, which mean something else there, become zeros that nobody expects.
_AS_QUOTED_PRINTABLE = bytes.maketrans(b"&=%+\r\n", b"\0\0= \0\0")


# Verify and parse both ask, one after the other.
@lru_cache(maxsize=4)
def form(body: bytes) -> Mapping[str, str]:
    """Return the fields of a urlencoded form, blank and repeated ones included.

    Raises ``ValueError`` when it is no UTF-8 text or has too many fields.
    """
    marks = body.translate(None, _NO_MARKS)
    count = marks.count(b"&") + 1
    if count > MAX_FIELDS:
        raise ValueError("too many fields")
    fields = _at_once(body, count) if marks == b"&".join([b"="] * count) else None
    if fields is None:
        fields = URL.build(query_string=body.decode(), encoded=True).query
    return fields


def _at_once(body: bytes, count: int) -> Mapping[str, str] | None:
    """Return the fields of a form that is ``name=value`` and so on, none twice; else None."""
    decoded = a2b_qp(body.translate(_AS_QUOTED_PRINTABLE))
    if len(decoded) != len(body) - 2 * body.count(b"%"):  # an escape that is none
        return None
    try:
        parts = decoded.decode().split("\0")
    except UnicodeDecodeError:
        return None
    fields = dict(zip(parts[::2], parts[1::2], strict=False))
    return fields if len(parts) == 2 * count and len(fields) == count else None
