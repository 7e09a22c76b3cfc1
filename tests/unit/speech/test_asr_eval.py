"""``hotline asr-eval`` measures every model on every line, and tells what it left out."""

import csv
import random
from pathlib import Path

import pytest

from gateway.channel.speech import Unavailable
from gateway.cli import asr_eval, main
from gateway.speech import loading
from gateway.speech.lexicon import Lexicon
from gateway.speech.line import Line
from gateway.speech.scripted import scripted_recogniser
from gateway.speech.session import GatedRecogniser
from tests.unit.speech.test_audio import wav

LOUD = random.Random(7).randbytes(32_000)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, Lexicon | None]]:
    """Let every model hear the same words; return what was loaded, in order."""
    loaded: list[tuple[str | None, Lexicon | None]] = []

    def load(
        model: str | None,
        *,
        models: Path | None = None,
        workers: int | None = None,
        lexicon: Lexicon | None = None,
    ) -> GatedRecogniser | Unavailable:
        loaded.append((model, lexicon))
        if model == "absent":
            return Unavailable(reason="speech model absent is not installed", cure="fetch it")
        return scripted_recogniser("经十路的路灯坏了320块")

    monkeypatch.setattr(loading, "load_recogniser", load)
    return loaded


def pair(folder: Path, name: str, said: str) -> None:
    (folder / f"{name}.wav").write_bytes(wav(LOUD, rate=16000))
    (folder / f"{name}.txt").write_text(said, "utf-8")


@pytest.mark.usefixtures("heard")
def test_every_line_has_its_row_and_the_csv_the_same_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair(tmp_path, "a", "经十路的路灯坏了，三百二十块。")
    assert main(["asr-eval", str(tmp_path), "--csv", str(tmp_path / "out.csv")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(Line)
    assert "1 of 1" in lines[1]
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == asr_eval.COLUMNS
    assert [row["line"] for row in rows] == list(Line)
    assert (rows[0]["cer_percent"], rows[0]["numbers_percent"], rows[0]["files"]) == (
        *("0.0", "100.0", "1"),
    )


def test_a_lexicon_is_measured_with_and_without(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    heard: list[tuple[str | None, Lexicon | None]],
) -> None:
    pair(tmp_path, "a", "经十路的路灯坏了")
    words = tmp_path / "city.yaml"
    words.write_text("streets: [经十路]\n", "utf-8")
    given = ["asr-eval", str(tmp_path), "--model", "one", "--model", "two", "--lexicon", str(words)]
    assert main(given) == 0
    city = Lexicon(streets=("经十路",))
    assert heard == [("one", None), ("one", city), ("two", None), ("two", city)]
    assert len(capsys.readouterr().out.splitlines()) == 1 + 4 * len(Line)


@pytest.mark.usefixtures("heard")
def test_what_cannot_be_used_is_told_and_the_rest_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair(tmp_path, "good", "路灯坏了")
    pair(tmp_path, "cut", "路灯坏了")
    (tmp_path / "cut.wav").write_bytes(wav(LOUD)[:100])
    (tmp_path / "alone.wav").write_bytes(wav(LOUD))
    pair(tmp_path, "mute", "")
    (tmp_path / "odd.wav").write_bytes(wav(LOUD))
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfe\xfa")
    assert main(["asr-eval", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 1 + len(Line)
    complaints = told.err.splitlines()
    assert len(complaints) == 4
    for name in ("cut.wav", "alone.txt", "mute.txt", "odd.txt"):
        assert sum(name in line for line in complaints) == 1


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["{}/nowhere"], "nowhere: not a folder"),
        (["{}"], "there is no recording with its words"),
        (["{}/full", "--model", "absent"], "speech model absent is not installed; fetch it"),
        (["{}/full", "--lexicon", "{}/missing.yaml"], "missing.yaml:1: file: cannot be read"),
        (["{}/full", "--csv", "{}"], "cannot be written"),
    ],
)
def test_bad_input_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    (tmp_path / "full").mkdir()
    pair(tmp_path / "full", "a", "路灯坏了")
    assert main(["asr-eval", *(one.format(tmp_path) for one in arguments)]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert len(error.splitlines()) == 1
