"""Whatever comes in is read or refused by name; it never breaks the reader."""

import json
from collections.abc import Callable
from typing import Annotated, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType
from multidict import MultiDict

from gateway.intake.desk import Patch
from gateway.web.api.reading import DEPTH_LIMIT, read_json, read_query, read_revision
from gateway.web.problems import Problem

R = TypeVar("R")


class Query(Struct, frozen=True, forbid_unknown_fields=True):
    """Some of everything."""

    text: Annotated[str, Meta(max_length=5)] | UnsetType = UNSET
    names: tuple[str, ...] = ()
    limit: Annotated[int, Meta(ge=1, le=9)] = 3


def outcome(read: Callable[[], R]) -> R | Problem:
    """What reading came to; any other error than a problem is a failure of the reader."""
    try:
        return read()
    except Problem as problem:
        return problem


def code_of(error: pytest.ExceptionInfo[Problem]) -> tuple[str, list[str]]:
    return error.value.code, [one.field for one in error.value.errors]


def test_lists_are_written_with_commas_or_repeated() -> None:
    given = MultiDict([("names", "a,b"), ("names", "c"), ("limit", "5")])
    assert read_query(Query, given) == Query(names=("a", "b", "c"), limit=5)


def test_the_text_null_is_text() -> None:
    assert read_query(Query, MultiDict({"text": "null"})) == Query(text="null")


@pytest.mark.parametrize(
    ("pairs", "field"),
    [
        ([("limit", "10")], "limit"),
        ([("limit", "1"), ("limit", "1")], "limit"),
        ([("text", "too long")], "text"),
        ([("other", "1")], "other"),
    ],
)
def test_a_wrong_parameter_is_named(pairs: list[tuple[str, str]], field: str) -> None:
    with pytest.raises(Problem) as error:
        read_query(Query, MultiDict(pairs))
    assert code_of(error) == ("bad_parameter", [field])


@given(st.lists(st.tuples(st.sampled_from(["text", "names", "limit", "x"]), st.text(max_size=8))))
def test_no_query_breaks_the_reader(pairs: list[tuple[str, str]]) -> None:
    found = outcome(lambda: read_query(Query, MultiDict(pairs)))
    if isinstance(found, Problem):
        assert found.status == 400
    else:
        assert 1 <= found.limit <= 9


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    found = outcome(lambda: read_json(Patch, body))
    assert isinstance(found, Patch) or found.status in {400, 422}


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from([*Patch.__struct_fields__, "x"]), JSON_VALUES))
def test_no_patch_breaks_the_reader(patch: dict[str, object]) -> None:
    found = outcome(lambda: read_json(Patch, json.dumps(patch).encode()))
    if isinstance(found, Problem):
        assert (found.code, found.status) == ("invalid", 422)
        assert found.errors
    else:
        for name in patch:
            assert getattr(found, name) is not UNSET


def nested(depth: int) -> bytes:
    return b'{"extra":' + b'{"a":' * (depth - 1) + b"1" + b"}" * depth


def test_depth_is_bounded_before_anything_is_parsed() -> None:
    read_json(Patch, nested(DEPTH_LIMIT))
    with pytest.raises(Problem) as error:
        read_json(Patch, nested(DEPTH_LIMIT + 1))
    assert error.value.code == "malformed"


def test_brackets_in_text_are_no_depth() -> None:
    text = "[{" * 100 + '\\"' + "[" * 50
    found = read_json(Patch, json.dumps({"extra": {"a": text}}).encode())
    assert found.extra == {"a": text}


def test_a_revision_stands_in_quotes() -> None:
    assert read_revision('"12"', required=True) == 12
    assert read_revision("*", required=True) is None
    assert read_revision(None, required=False) is None
    for wrong in ("12", 'W/"12"', '"-1"', '"１２"', '"12", "13"'):
        with pytest.raises(Problem) as error:
            read_revision(wrong, required=False)
        assert error.value.code == "bad_parameter"
