"""``hotline ivr`` checks, walks through and draws a flow without a telephone."""

import io
import sys
from pathlib import Path

import pytest

from gateway import cli

SHIPPED = Path(__file__).parents[3] / "config" / "ivr" / "hotline.yaml"
AT = "2026-11-20T10:00:00+08:00"
FLOW = """\
flow: small
languages: [zh]
start: ask
person: somebody
way_out: bye
nodes:
  ask:
    kind: menu
    prompts: {name: choose, text: {zh: 投诉请按1。}}
    choices: {"1": {to: bye, words: {zh: 投诉}}}
  somebody: {kind: queue, target: operators, otherwise: bye}
  bye: {kind: hangup, prompts: thanks}
"""


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(FLOW, encoding="utf-8")
    return path


def simulate(lines: str, flow: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    return cli.main(["ivr", "simulate", str(flow), *options])


def test_lint_of_the_shipped_flow_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ivr", "lint", str(SHIPPED)]) == 0
    assert capsys.readouterr().out == "ok: 1 flow\n"


def test_lint_shows_the_findings_of_all_files(
    flow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow.write_text(FLOW.replace("to: bye,", "to: by,"), encoding="utf-8")
    assert cli.main(["ivr", "lint", str(flow), str(SHIPPED), str(flow.parent / "none.yaml")]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{flow}:10: nodes.ask.choices.1.to: leads to no node of this flow; did you mean bye?",
        f"{flow.parent / 'none.yaml'}:1: file: cannot be read; name an existing flow file",
    ]


def test_lint_can_demand_recordings(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ivr", "lint", str(flow)]) == 0
    capsys.readouterr()
    assert cli.main(["ivr", "lint", "--recorded", str(flow)]) == 2
    assert "has neither recording nor text of choose in zh" in capsys.readouterr().out
    recording = flow.parent / "prompts" / "zh" / "choose.wav"
    recording.parent.mkdir(parents=True)
    recording.write_bytes(b"")
    options = ["--recorded", "--prompts", str(flow.parent / "prompts")]
    assert cli.main(["ivr", "lint", *options, str(flow)]) == 0


def test_lint_refuses_a_prompts_folder_that_is_none(
    flow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["ivr", "lint", "--prompts", str(flow), str(flow)]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_simulate_answers_keys_words_and_silence(
    flow: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate("\n7\n我要投诉\n", flow, monkeypatch, "--at", AT) == 0
    assert capsys.readouterr().out.splitlines() == [
        "[ask] 投诉请按1。",
        "  (key * 0 1, words) > ",
        "[ask] 投诉请按1。",
        "  (key * 0 1, words) > 7",
        "[ask] 投诉请按1。",
        "  (key * 0 1, words) > 我要投诉",
        "[bye] 感谢您的来电，再见。",
        "  (the gateway hangs up: completed)",
    ]


def test_simulate_asks_for_the_outcome_of_a_connection(
    flow: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate("0\nengaged\nbusy\n", flow, monkeypatch) == 0
    out = capsys.readouterr().out
    assert "  ? is no outcome; give one of finished, busy," in out
    assert "  = somebody: operators: busy" in out


@pytest.mark.parametrize("lines", ["", "hangup\n"])
def test_simulate_ends_when_the_caller_hangs_up(
    lines: str, flow: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(lines, flow, monkeypatch) == 0
    assert capsys.readouterr().out.endswith("  (the caller hangs up)\n")


def test_simulate_takes_a_script_and_the_facts_of_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.txt"
    script.write_text("0\n1\n13800138000\n1\n", encoding="utf-8")
    options = ["--script", str(script), "--no-people", "--caller", "", "--entry", "12319"]
    assert simulate("", SHIPPED, monkeypatch, *options, "--language", "en", "--at", AT) == 0
    out = capsys.readouterr().out
    assert "formerly the urban services line" in out
    assert "(stored: +8613800138000, requested)" in out


def test_simulate_without_recognition_takes_no_words(
    flow: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate("投诉\n1\n", flow, monkeypatch, "--no-speech") == 0
    assert "words are not listened to here" in capsys.readouterr().out


def test_simulate_warns_of_a_year_without_official_days(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate("", SHIPPED, monkeypatch, "--at", "2031-01-01T10:00:00+08:00") == 0
    assert "calendar cn does not know the year" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--at", "tomorrow"], "no time with an offset"),
        (["--at", "2026-11-20T10:00:00"], "no time with an offset"),
        (["--script", "none.txt"], "cannot be read"),
    ],
)
def test_simulate_refuses_what_it_cannot_use(
    options: list[str],
    complaint: str,
    flow: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert simulate("", flow, monkeypatch, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line


@pytest.mark.parametrize(
    ("options", "begin"),
    [([], "flowchart TD"), (["--format", "dot"], 'digraph "small"'), (["--format", "svg"], "<svg")],
)
def test_graph_draws_in_three_ways(
    options: list[str], begin: str, flow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["ivr", "graph", str(flow), *options]) == 0
    assert capsys.readouterr().out.startswith(begin)


def test_a_flow_that_is_wrong_is_told_line_by_line(
    flow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow.write_text("flow: [\n", encoding="utf-8")
    assert cli.main(["ivr", "graph", str(flow)]) == 2
    assert f"hotline: {flow}:2: file: is not YAML" in capsys.readouterr().err
