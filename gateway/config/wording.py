"""Says in an administrator's words what the checker of the settings found."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from gateway.config import shape

Location = tuple[str | int, ...]

REFERENCE_PAGE = "docs/reference/configuration.md"

_WORDS: Mapping[str, str] = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "model_type": "must be a group of keys",
    "dict_type": "must be a group of keys",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "missing": "is missing",
    "string_pattern_mismatch": "does not have the right form",
    "datetime_parsing": "must be a time",
    "datetime_from_date_parsing": "must be a time",
    "timezone_aware": "must have an offset such as +08:00",
}


def wording(error: ErrorDetails, root: Any, page: str = REFERENCE_PAGE) -> tuple[str, str]:
    """What is wrong and what to do about it, for one error in a group of settings ``root``.

    ``page`` describes these settings; it is the cure when there is no better one.

    The value itself is never repeated: it may have come from the environment.
    """
    *above, last = error["loc"] or ("",)
    parent = root
    for key in above:
        parent = shape.child(parent, key)
    if error["type"] == "extra_forbidden":
        return "unknown key", nearest(str(last), shape.keys(parent))
    cure = _example(parent, last) or f"see {page}"
    if error["type"] == "value_error":
        problem, _, own_cure = str(error.get("ctx", {}).get("error", "")).partition("; ")
        return problem, own_cure or cure
    if error["input"] is None and error["type"].endswith("_type"):
        return "is empty", cure
    if shape.is_secret(shape.child(parent, last)) and "min_length" in error.get("ctx", {}):
        return f"must have at least {error['ctx']['min_length']} characters", cure
    return _WORDS.get(error["type"]) or _generic(error), cure


def nearest(given: str, known: Iterable[str]) -> str:
    """Name the closest of the known words, or all of them when none is close."""
    words = sorted(known)
    if near := difflib.get_close_matches(given, words, n=1, cutoff=0.5):
        return f"did you mean {near[0]}?"
    return f"use one of {', '.join(words)}" if words else f"see {REFERENCE_PAGE}"


def _example(parent: Any, key: str | int) -> str:
    info = shape.field(parent, key) if isinstance(key, str) else None
    if info is None or not info.examples:
        return ""
    return f"write for example {key}: {info.examples[0]}"


def _generic(error: ErrorDetails) -> str:
    return re.sub(r"^(Input|String|Value|List|Tuple|Dictionary) should ", "must ", error["msg"])
