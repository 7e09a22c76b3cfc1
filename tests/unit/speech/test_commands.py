"""``hotline transcribe`` and ``hotline models`` where there is no model at all."""

from pathlib import Path

import pytest

from gateway.cli import main
from gateway.speech.loading import default_models_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manifest = (default_models_folder() / "manifest.toml").read_text("utf-8")
    (tmp_path / "manifest.toml").write_text(manifest, "utf-8")
    return tmp_path


def test_transcribing_without_the_model_says_how_to_get_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transcribe", "call.wav", "--models", str(folder)]) == 2
    assert capsys.readouterr().err == (
        "hotline: speech model whisper-base is not installed; "
        "run: hotline models fetch whisper-base\n"
    )


def test_the_list_shows_what_is_not_installed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "--models", str(folder), "list"]) == 0
    assert capsys.readouterr().out.startswith("whisper-base  not installed  150 MB  whisper  zh+en")


def test_verifying_nothing_fails_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "--models", str(folder), "verify"]) == 1
    assert "no speech model is installed" in capsys.readouterr().out


def test_verifying_a_damaged_model_fails_with_the_cure(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "whisper-base").mkdir()
    assert main(["models", "--models", str(folder), "verify"]) == 1
    assert capsys.readouterr().out == (
        "whisper-base: damaged (model.bin is missing; run: hotline models fetch whisper-base)\n"
    )


def test_fetching_an_unknown_model_names_the_known_ones(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "--models", str(folder), "fetch", "huge"]) == 2
    assert "choose one of: whisper-base" in capsys.readouterr().err
