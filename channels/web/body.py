"""Turns the body of a request into named values and files, whichever way it was written."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import msgspec

from channels.web.attachments import Upload
from channels.web.config import FORM_OVERHEAD
from channels.web.multipart import MAX_PARTS, read_parts
from channels.web.problems import FILES, Problem, Refused, refused
from gateway.channel import RawRequest

JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What was sent: text (or JSON values) by field name, and files."""

    values: Mapping[str, object]
    files: tuple[Upload, ...] = ()


def read_body(raw: RawRequest, accepted: tuple[str, ...]) -> Body:
    """Read a body of one of the ``accepted`` media types; raise ``Refused``."""
    content_type = raw.headers.get("content-type") or raw.content_type
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in accepted:
        raise refused("content_type_unsupported", accepted=", ".join(accepted))
    if media_type == MULTIPART:
        return _multipart(raw.body, content_type)
    if len(raw.body) > FORM_OVERHEAD:
        raise refused("body_too_large", kilobytes=FORM_OVERHEAD >> 10)
    return Body(values=_json(raw.body) if media_type == JSON else _urlencoded(raw.body))


def _json(body: bytes) -> Mapping[str, object]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refused("json_malformed") from None
    if not isinstance(document, dict):
        raise refused("json_malformed")
    return document


def _urlencoded(body: bytes) -> Mapping[str, object]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARTS,
        )
    except ValueError:
        raise refused("form_malformed") from None
    return _once(pairs)


def _multipart(body: bytes, content_type: str) -> Body:
    texts: list[tuple[str, str]] = []
    files: list[Upload] = []
    for part in read_parts(body, content_type):
        if part.filename is None:
            try:
                texts.append((part.name, part.content.decode("utf-8")))
            except UnicodeDecodeError:
                raise refused("form_malformed") from None
        elif part.name != FILES:
            raise Refused([Problem(code="file_in_wrong_field", values={"field": FILES})])
        elif part.filename or part.content:
            # A file input that was left empty arrives as a nameless empty file.
            files.append(
                Upload(name=part.filename, media_type=part.media_type, content=part.content)
            )
    return Body(values=_once(texts), files=tuple(files))


def _once(pairs: list[tuple[str, str]]) -> Mapping[str, object]:
    values: dict[str, object] = {}
    for name, value in pairs:
        if name in values:
            raise Refused([Problem(code="field_twice", values={"field": name[:40]})])
        values[name] = value
    return values
