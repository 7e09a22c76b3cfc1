"""The how-to page lists every rule of the kit in the rule's own words, and the files it writes."""

from pathlib import Path

from gateway.cli.new_channel import write
from tests.contract.kit.rules import RULES

PAGE = Path("docs/how-to/add-a-channel.md").read_text("utf-8")


def test_every_rule_is_on_the_page() -> None:
    for rule in RULES:
        assert f"| `{rule.name}` | {(rule.check.__doc__ or '').splitlines()[0]} |" in PAGE


def test_every_file_of_the_skeleton_is_on_the_page(tmp_path: Path) -> None:
    for file in write("pigeon_post", tmp_path).iterdir():
        name = f"{file.name}/" if file.is_dir() else file.name
        assert name == "__init__.py" or f"| `{name}` |" in PAGE
