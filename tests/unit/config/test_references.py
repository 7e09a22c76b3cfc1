"""References lead to the environment and to files, and never show what they found."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.references import Unresolved, from_environment, from_file, refers

ENV = {"NAME": "value", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a ${NAME} b ${NAME}", "a value b value"),
        ("${ABSENT:-fallback}", "fallback"),
        ("${EMPTY:-fallback}", "fallback"),
        ("${NAME:-fallback}", "value"),
        ("${ABSENT:-}", ""),
        ("$${NAME}", "${NAME}"),
        ("$5 {x}", "$5 {x}"),
    ],
)
def test_variables_are_put_in(text: str, result: str) -> None:
    assert from_environment(text, ENV) == result


def test_what_a_variable_holds_is_not_looked_into() -> None:
    assert from_environment("${A}", {"A": "${B}", "B": "x"}) == "${B}"


@pytest.mark.parametrize("text", ["${ABSENT}", "${EMPTY}", "${", "${}", "${a-b}", "${NAME"])
def test_a_reference_that_leads_nowhere_says_so(text: str) -> None:
    with pytest.raises(Unresolved) as caught:
        from_environment(text, ENV)
    assert caught.value.cure


@pytest.mark.parametrize(
    ("text", "outside"),
    [("${A}", True), ("x${A:-y}", True), ("file:a", True), ("$${A}", False), ("a", False)],
)
def test_it_is_known_what_comes_from_outside_the_file(text: str, outside: bool) -> None:
    assert refers(text) is outside


@given(st.text())
def test_text_without_a_dollar_is_left_alone(text: str) -> None:
    plain = text.replace("$", "")
    assert from_environment(plain, {}) == plain


@pytest.mark.parametrize("content", [b"s3cret", b"s3cret\n", b"s3cret\r\n"])
def test_the_last_line_break_of_a_secret_file_is_not_part_of_it(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(content)
    assert from_file("file:key", tmp_path) == "s3cret"
    assert from_file(f"file:{tmp_path / 'key'}", Path("/")) == "s3cret"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"x" * 70_000, "is too large for a secret"),
    ],
)
def test_a_secret_file_that_holds_no_secret_is_refused(
    content: bytes | None, problem: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(Unresolved) as caught:
        from_file("file:key", tmp_path)
    assert caught.value.problem == f"the file key {problem}"


def test_a_folder_is_no_secret_file(tmp_path: Path) -> None:
    with pytest.raises(Unresolved, match="cannot be read"):
        from_file("file:.", tmp_path)
