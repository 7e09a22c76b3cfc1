"""The layering contracts have teeth: a copy of the house with one bad import is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

ROOMS = (
    *("app", "blobs", "channel", "cli", "config", "delivery", "domain", "egress", "intake"),
    *("replies", "speech", "store", "understanding", "web"),
)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Every room, empty, two channels, and the project's contracts."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    rooms = [f"gateway/{room}" for room in ROOMS]
    for folder in ("gateway", "channels", "channels/one", "channels/two", *rooms):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
    return tmp_path


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache", "--no-logo"],
        check=False,
        capture_output=True,
        text=True,
        cwd=house,
    )


def test_an_orderly_house_is_accepted(house: Path) -> None:
    (house / "gateway/web/__init__.py").write_text("import gateway.intake\n")
    (house / "channels/one/__init__.py").write_text("import gateway.channel\n")
    done = lint(house)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("gateway/domain", "import gateway.store"),
        ("gateway/domain", "import aiohttp"),
        ("gateway/store", "import gateway.blobs"),
        ("gateway/store", "import gateway.intake"),
        ("gateway/intake", "import gateway.delivery"),
        ("gateway/web", "import gateway.app"),
        ("channels/one", "import channels.two"),
        ("channels/one", "import gateway.store"),
        ("channels/one", "import gateway.app"),
    ],
)
def test_an_import_that_goes_upstairs_or_next_door_is_refused(
    house: Path, room: str, line: str
) -> None:
    (house / room / "__init__.py").write_text(f"{line}\n")
    done = lint(house)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout
