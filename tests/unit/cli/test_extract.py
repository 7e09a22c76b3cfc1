"""``hotline extract`` prints what the words on standard input give, with the words."""

import io
import json
import sys
from typing import Any

import pytest

from gateway import cli


def extract(given: bytes, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
    return cli.main(["extract", *options])


def test_every_field_comes_with_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert extract("我要投诉路灯坏了".encode(), monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "request.title  投诉路灯坏了  (derived, 0.7)  “投诉路灯坏了” [2:8]",
        "request.type  complaint  (stated, 0.9)  “我要投诉” [0:4]",
    ]


def test_as_json_the_ranges_point_into_the_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "你好，我要投诉，也要建议。电话13800138000"
    assert extract(text.encode(), monkeypatch, "--json") == 0
    fields: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["fields"]
    assert {one["field"] for one in fields} >= {"request.type", "reporter.callback_phone"}
    for one in fields:
        for evidence in one["evidence"]:
            assert text[evidence["start"] : evidence["end"]] == evidence["text"]


def test_two_stated_types_are_both_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert extract("我要投诉司机，我建议换人".encode(), monkeypatch) == 0
    assert "complaint or suggestion  (conflict" in capsys.readouterr().out


def test_a_text_that_says_nothing_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert extract("！！！".encode(), monkeypatch) == 0
    assert capsys.readouterr().out == "nothing found\n"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (b"", "no text came"),
        (b" \n", "no text came"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * 100_001, "longer than 100000 characters"),
    ],
)
def test_unusable_input_is_one_line_and_exit_code_2(
    given: bytes,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert extract(given, monkeypatch) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
