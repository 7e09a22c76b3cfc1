"""A ``.env`` file gives variables and is never executed."""

from pathlib import Path

import pytest

from gateway.config import ConfigError, read_env_file


def test_no_file_gives_no_variables(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


def test_names_values_quotes_and_comments_are_understood(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "\ufeff# secrets\n\nA=1\nexport B = two words \nC='# kept $HOME'\nD=\"q\"\nE=\nF=a=b\n",
        encoding="utf-8",
    )
    assert read_env_file(path) == {
        "A": "1", "B": "two words", "C": "# kept $HOME", "D": "q", "E": "", "F": "a=b",
    }  # fmt: skip


def test_a_line_that_is_none_is_found_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\nt0p-s3cret\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_env_file(path)
    assert str(caught.value) == f"{path}:2: .env: is not NAME=value; correct the line"


@pytest.mark.parametrize("content", [b"\xff", b"#" * 70_000])
def test_what_is_no_such_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        read_env_file(path)
