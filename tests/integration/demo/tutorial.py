"""The tutorial's commands and what it says they print, with what differs each time made equal."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.integration.demo.program import ROOT

PAGES = ROOT / "docs" / "tutorial"
_HOTLINE = ".venv/bin/hotline"
_DIFFERS = (
    (r" --url \S+", ""),
    (r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b", "ULID"),
    (r"\bCA[0-9a-f]{32}\b", "CALL"),
    (r"\b\d{13}\b", "RECEIPT"),
    (r"\b\d{6}\b", "CODE"),
    (r"\d+\.\d s", "N.N s"),
    (r"in \d+ s", "in N s"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command and the lines it prints."""

    command: str
    prints: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The arguments of the command line."""
        program, *words = shlex.split(self.command)
        assert program == _HOTLINE, f"the tutorial runs {program}"
        return words


def steps(page: Path) -> Iterator[Step]:
    """Every console block of a page, in order."""
    for block in re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL):
        first, *rest = block.splitlines()
        yield Step(command=first.removeprefix("$ "), prints=tuple(rest))


def made_equal(text: str) -> list[str]:
    """The lines of a text without what differs from run to run."""
    for pattern, name in _DIFFERS:
        text = re.sub(pattern, name, text)
    return text.splitlines()
