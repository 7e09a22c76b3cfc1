"""What is installed is exact, hashed, from any index, and never torch."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCKS = ("requirements/run.txt", "requirements/dev.txt")


def locked(name: str) -> dict[str, set[str]]:
    """Every requirement of a lock file as `package==version` lines by package name."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if match := re.match(r"([a-z0-9-]+)(?:\[[^]]*\])?==(\S+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index_and_no_local_file(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links| @ ", text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_has_hashes(name: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", LOCKS)
def test_torch_is_never_pulled_in(name: str) -> None:
    heavy = {"torch", "tensorflow", "jax"}
    assert [package for package in locked(name) if package in heavy or "nvidia" in package] == []


def test_tests_run_on_the_versions_that_production_runs_on() -> None:
    run, dev = (locked(name) for name in LOCKS)
    assert {package: dev.get(package) for package in run} == run


def test_what_the_project_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = {
        re.split(r"[\[<>=~! ]", line)[0].lower() for line in project["project"]["dependencies"]
    }
    assert asked - set(locked("requirements/run.txt")) == set()
