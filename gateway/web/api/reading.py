"""From bytes and strings to the types an operation asks for; what does not fit is named."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from multidict import MultiMapping

from gateway.web.problems import FieldProblem, Problem

S = TypeVar("S", bound=Struct)

DEPTH_LIMIT = 32
"""How many objects and lists may lie in each other."""

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
_PLACE = re.compile(r" - at `(?:key in )?\$\.?(.*?)`$")
_NAMED = re.compile(r"(?:unknown|required) field `(.*?)`")
_REVISION = re.compile(r'"([0-9]{1,9})"', re.ASCII)


def read_query(type_: type[S], given: MultiMapping[str]) -> S:
    """Read query parameters; a list is written with commas, or its name is repeated.

    Raises ``Problem`` (400) naming the parameter.
    """
    lists = _lists_of(type_)
    values: dict[str, Any] = {}
    for name in given:
        every = given.getall(name)
        if name in lists:
            values[name] = [part for one in every for part in one.split(",") if part]
        elif len(every) > 1:
            raise _problem("bad_parameter", name, "is given more than once")
        else:
            values[name] = every[0]
    try:
        return msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        raise _named("bad_parameter", error) from error


def read_path(type_: type[S], given: Mapping[str, str]) -> S:
    """Read the names in an address; one that cannot exist is not found."""
    try:
        return msgspec.convert(dict(given), type_, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("not_found", "compare the address with the API's description") from error


def read_json(type_: type[S], body: bytes) -> S:
    """Read a JSON body; 400 when it is no JSON at all, 422 when a field is wrong."""
    _require_shallow(body)
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise _named("invalid", error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("malformed", "send a JSON document in UTF-8") from error


def read_revision(header: str | None, *, required: bool) -> int | None:
    """Read ``If-Match``: the revision in quotes, or ``*`` for whichever is current."""
    if header is None:
        if required:
            raise Problem(
                "revision_required", "send If-Match with the ETag of the draft you looked at"
            )
        return None
    if header.strip() == "*":
        return None
    found = _REVISION.fullmatch(header.strip())
    if found is None:
        raise _problem("bad_parameter", "If-Match", 'must be one revision in quotes, such as "3"')
    return int(found[1])


def _require_shallow(body: bytes) -> None:
    depth = 0
    for token in _TOKENS.finditer(body):
        if token[0] in b"[{":
            depth += 1
            if depth > DEPTH_LIMIT:
                raise Problem("malformed", f"nest at most {DEPTH_LIMIT} objects and lists")
        elif token[0] in b"]}":
            depth -= 1


def _lists_of(type_: type[Struct]) -> frozenset[str]:
    """Return the names of the parameters that hold a list."""
    return frozenset(
        field.encode_name
        for field in msgspec.structs.fields(type_)
        if isinstance(_plain(msgspec.inspect.type_info(field.type)), msgspec.inspect.VarTupleType)
    )


def _plain(type_: msgspec.inspect.Type) -> msgspec.inspect.Type:
    return type_.type if isinstance(type_, msgspec.inspect.Metadata) else type_


def _named(code: str, error: msgspec.ValidationError) -> Problem:
    """Return the problem with the field's own name in it, as the client knows it."""
    message = str(error)
    place = _PLACE.search(message)
    what = message[: place.start()] if place else message
    parts = [place[1]] if place and place[1] else []
    named = _NAMED.search(what)
    if named:
        parts.append(named[1])
    return _problem(code, ".".join(parts) or "the document", what)


def _problem(code: str, field: str, message: str) -> Problem:
    return Problem(
        code,
        f"mend {field[:100]}: {message[:300]}",
        errors=[FieldProblem(field=field[:100], message=message[:300])],
    )
