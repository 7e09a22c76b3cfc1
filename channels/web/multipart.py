"""Reads ``multipart/form-data`` (RFC 7578) out of a body that is already whole, within bounds.

Parts are counted while they are found: a body of 100,000 empty parts costs no more than the bounds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from channels.web.problems import Refused, refused

MAX_PARTS = 40
MAX_HEADERS = 8
MAX_HEADER_BYTES = 4096

_BOUNDARY = re.compile(
    r"""multipart/form-data\s*;(?:[^"]*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s";,]{1,70}))""",
    re.IGNORECASE | re.ASCII,
)
_BOUNDARY_CHARACTERS = re.compile(r"[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]", re.ASCII)
_PARAMETER = re.compile(r';\s*([A-Za-z*]{1,20})=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))\s*')
_BROWSERS_PARAMETER = re.compile(r';\s*([A-Za-z*]{1,20})=(?:"([^"]*)"|([^\s;"]*))\s*')
_TRANSPARENT = {"7bit", "8bit", "binary"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part; ``filename`` is None for a plain field, ``media_type`` empty when not given."""

    name: str
    filename: str | None
    media_type: str
    content: bytes


def read_parts(body: bytes, content_type: str) -> Iterator[Part]:
    """Yield the parts of ``body`` in order; raise ``Refused`` at the first thing that is wrong."""
    delimiter = b"--" + _boundary(content_type)
    start = body.find(delimiter, 0, len(delimiter) + 2)
    if start < 0 or body[:start] not in {b"", b"\r\n"}:
        raise _malformed("it does not begin with its boundary")
    position = start + len(delimiter)
    for count in range(MAX_PARTS + 1):
        if body.startswith(b"--", position):
            if body[position + 2 :] not in {b"", b"\r\n"}:
                raise _malformed("something follows the last part")
            return
        if not body.startswith(b"\r\n", position):
            raise _malformed("a boundary is followed by something else")
        if count == MAX_PARTS:
            break
        head_end = body.find(b"\r\n\r\n", position, position + MAX_HEADER_BYTES)
        if head_end < 0:
            raise _malformed("the head of a part is missing or too long")
        # The line break that ends the head may be the one that begins the next boundary.
        end = body.find(b"\r\n" + delimiter, head_end + 2)
        if end < 0:
            raise _malformed("its last part does not end")
        yield _part(body[position + 2 : head_end], body[head_end + 4 : end])
        position = end + 2 + len(delimiter)
    raise refused("too_many_parts", limit=MAX_PARTS)


def _boundary(content_type: str) -> bytes:
    found = _BOUNDARY.match(content_type)
    boundary = (found[1] or found[2]) if found else ""
    if not _BOUNDARY_CHARACTERS.fullmatch(boundary):
        raise _malformed("its Content-Type names no usable boundary")
    return boundary.encode("ascii")


def _part(head: bytes, content: bytes) -> Part:
    headers = _headers(head)
    kind, semicolon, rest = headers.get("content-disposition", "").partition(";")
    if kind.strip().lower() != "form-data":
        raise _malformed("a part is not form-data")
    if headers.get("content-transfer-encoding", "binary").strip().lower() not in _TRANSPARENT:
        raise _malformed("a part is transfer-encoded")
    parameters = _parameters(semicolon + rest)
    name = parameters.get("name")
    if not name:
        raise _malformed("a part has no name")
    filename = parameters.get("filename")
    if "filename*" in parameters:
        filename = _extended(parameters["filename*"])
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Part(name=name, filename=filename, media_type=media_type, content=content)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.split(b"\r\n")
    if len(lines) > MAX_HEADERS:
        raise _malformed("a part has too many header lines")
    headers: dict[str, str] = {}
    for line in lines:
        try:
            name, colon, value = line.decode("utf-8").partition(":")
        except UnicodeDecodeError:
            raise _malformed("the head of a part is not UTF-8") from None
        name = name.strip().lower()
        if not colon or not name or name in headers:
            raise _malformed("the head of a part is not made of header lines")
        headers[name] = value.strip()
    return headers


def _parameters(text: str) -> dict[str, str]:
    """Read ``; name="…"; filename="…"`` as curl (\\" for a quote) or browsers (%22) write it.

    To a browser a backslash is a character like any other, also before the closing quote.
    """
    found = _pairs(text, _PARAMETER)
    if found is not None:
        found = {name: re.sub(r'\\(["\\])', r"\1", value) for name, value in found.items()}
    else:
        found = _pairs(text, _BROWSERS_PARAMETER)
    if found is None:
        raise _malformed("the Content-Disposition of a part cannot be read")
    return {name: value.replace("%22", '"').replace("%0D%0A", " ") for name, value in found.items()}


def _pairs(text: str, parameter: re.Pattern[str]) -> dict[str, str] | None:
    """Return all parameters as they are written, or None when there is anything else."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = parameter.match(text, position)
        if match is None or match[1].lower() in found:
            return None
        found[match[1].lower()] = match[2] if match[2] is not None else match[3]
        position = match.end()
    return found


def _extended(value: str) -> str:
    """Read a ``UTF-8''percent-encoded`` file name (RFC 5987), which some libraries send."""
    charset, _, encoded = value.partition("'")
    _, apostrophe, encoded = encoded.partition("'")
    if charset.lower() != "utf-8" or not apostrophe:
        raise _malformed("a file name is not in UTF-8")
    try:
        return unquote_to_bytes(encoded).decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("a file name is not in UTF-8") from None


def _malformed(reason: str) -> Refused:
    return refused("multipart_malformed", reason=reason)
