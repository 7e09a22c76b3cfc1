"""Documents lead somewhere: every link inside the project resolves, every page can be reached."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], key=lambda page: page.relative_to(ROOT)
)


def targets(page: Path) -> Iterator[Path]:
    """Files that a page links to."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in link and not link.startswith("#"):
            yield (page.parent / link.partition("#")[0]).resolve()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_resolve(page: Path) -> None:
    assert [str(target) for target in targets(page) if not target.exists()] == []


def test_every_page_of_the_documentation_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for target in targets(page):
            # A link to a folder shows the reader all pages in it.
            waiting.extend(target.glob("*.md") if target.is_dir() else [target])
    docs = {page for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert sorted(str(page.relative_to(ROOT)) for page in docs - reached) == []


def test_both_readmes_tell_of_the_same_things() -> None:
    english, chinese = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))
    commands = r"(?:make|\.venv/bin/hotline) [a-z-]+"
    assert set(re.findall(commands, english)) - set(re.findall(commands, chinese)) == set()


def test_every_command_the_documents_tell_of_is_in_the_makefile() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    told = {
        name
        for page in PAGES
        for name in re.findall(r"(?:`|^|\n)make ([a-z][a-z-]*)", page.read_text())
    }
    assert told - known == set()
