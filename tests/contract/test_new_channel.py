"""The skeleton of a new channel keeps, as it is written, every rule it claims."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import channels
from gateway.channel.discovery import discover
from gateway.cli.new_channel import write
from gateway.domain.errors import GatewayError
from tests.contract.kit.care_rules import quality
from tests.contract.kit.channel_under_test import ChannelUnderTest
from tests.contract.kit.rule import Rule
from tests.contract.kit.rules import NAMES, RULES

KIND = "pigeon_post"
_AS_HERE = [
    "--config",
    "pyproject.toml",
    "--config",
    "lint.isort.known-first-party=['channels', 'gateway']",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new channel in a folder that counts as one of the channels."""
    into = tmp_path_factory.mktemp("channels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channels, "__path__", [str(into)])
        yield write(KIND, into)
    for name in [name for name in sys.modules if name.startswith(f"channels.{KIND}")]:
        del sys.modules[name]
    vars(channels).pop(KIND, None)


def test_it_is_found_by_its_folder_and_speaks_of_every_rule(folder: Path) -> None:
    assert list(discover()) == [KIND]
    assert set(quality(folder)) == set(NAMES)
    done = [name for name, state in quality(folder).items() if state == "done"]
    assert len(done) >= 15


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
async def test_it_keeps_the_rule_or_says_why_not(folder: Path, rule: Rule) -> None:
    state = quality(folder)[rule.name]
    if state == "done":
        await rule.apply(ChannelUnderTest.of(discover()[KIND]))
    else:
        assert isinstance(state, dict)


def test_it_is_written_in_the_house_style(folder: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *_AS_HERE, str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("name", ["X", "x", "a-b", "1a", "", "class", "a" * 40, "../evil", "a.b"])
def test_a_name_that_cannot_be_a_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(GatewayError, match="cannot be the kind"):
        write(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_and_no_folder_invented(tmp_path: Path) -> None:
    write("pigeon", tmp_path)
    before = (tmp_path / "pigeon" / "inbound.py").read_bytes()
    with pytest.raises(GatewayError, match="exists already"):
        write("pigeon", tmp_path)
    assert (tmp_path / "pigeon" / "inbound.py").read_bytes() == before
    with pytest.raises(GatewayError, match="no folder"):
        write("pigeon", tmp_path / "missing")


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "new-channel", "pigeon", "--into", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert str(tmp_path / "pigeon") in ran.stdout
    again = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "new-channel", "pigeon", "--into", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
