"""The reference pages say what the program does: every setting, every command, nothing else."""

import argparse
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from gateway import cli
from gateway.channel.discovery import discover
from gateway.config import ChannelSettings, Config
from gateway.config.shape import is_secret

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting that holds a value, with its name as the reference page writes it."""
    for name, info in model.model_fields.items():
        inner, suffix = group_inside(info.annotation)
        if inner is None or name == "secrets":
            yield prefix + name, info
        if inner is not None:
            yield from settings_of(inner, f"{prefix}{name}{suffix}.")


def group_inside(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The group of settings behind a key: itself, the items of a list, the values of a mapping."""
    origin, args = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    if origin is tuple and args:
        return group_inside(args[0])[0], "[]"
    if origin is dict:
        return group_inside(args[1])[0], ".*"
    if origin in {Union, UnionType}:
        return next((found for found in map(group_inside, args) if found[0]), (None, ""))
    if args:  # Annotated
        return group_inside(args[0])
    return None, ""


SETTINGS = dict(settings_of(Config))


@cache
def documented() -> dict[str, tuple[str, str]]:
    """Default and example of every setting in the tables of the page, by name."""
    rows = {}
    for line in (REFERENCE / "configuration.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 5 and cells[0].strip("| ").startswith("`"):
            rows[cells[0].strip("| `")] = (cells[2], cells[4].strip("| "))
    return rows


def in_code(cell: str) -> Any:
    """The value a cell shows, read as the file would be: every scalar as text."""
    assert re.fullmatch(r"`[^`]+`", cell), f"{cell} is not one value in `code`"
    return yaml.load(cell.strip("`"), Loader=yaml.BaseLoader)  # noqa: S506 - builds text only


def test_the_page_lists_exactly_the_settings_there_are() -> None:
    assert sorted(documented()) == sorted(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_documented_default_is_the_default(name: str) -> None:
    info, (cell, _) = SETTINGS[name], documented()[name]
    if info.is_required():
        assert cell == "required"
    elif info.default_factory is not None:
        assert cell == "see meaning"
    elif info.default is None or info.default == ():
        assert cell == "not set"
    else:
        assert value_of(info, in_code(cell)) == info.default


@pytest.mark.parametrize("name", SETTINGS)
def test_the_documented_example_works(name: str) -> None:
    info, (_, cell) = SETTINGS[name], documented()[name]
    assert cell == f"`{(info.examples or [''])[0]}`"
    if not is_secret(info.annotation):
        value_of(info, in_code(cell))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_says_what_it_means(name: str) -> None:
    assert SETTINGS[name].description


def value_of(info: FieldInfo, given: Any) -> Any:
    """What a setting makes of a value, with everything that is checked on the way."""
    adapter: TypeAdapter[Any] = TypeAdapter(info.rebuild_annotation())
    return adapter.validate_python(given)


def test_every_setting_of_a_channel_is_described_in_its_readme() -> None:
    undescribed = []
    for kind, channel in discover().items():
        fields = channel.settings.model_fields
        own = fields.keys() - ChannelSettings.model_fields.keys()
        readme = ROOT / "channels" / kind / "README.md"
        text = readme.read_text(encoding="utf-8") if readme.exists() else ""
        undescribed += [
            f"{kind}: {name}"
            for name in sorted(own)
            if not fields[name].description or f"`{name}`" not in text
        ]
    assert undescribed == []


@cache
def sections() -> dict[str, str]:
    """The text about each command, by its name."""
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    parts = re.split(r"^## hotline (\S+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def words_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every option, argument and sub-command a person can type."""
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction) or "--debug" in action.option_strings:
            continue
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield name
                yield from words_of(inner)
        elif action.option_strings:
            yield action.option_strings[-1]
        else:
            yield str(action.metavar or action.dest)


def test_the_page_describes_exactly_the_commands_there_are() -> None:
    assert sorted(sections()) == sorted(cli.commands())


@pytest.mark.parametrize("name", cli.commands())
def test_every_option_of_a_command_is_described(name: str) -> None:
    described = set(re.findall(r"[\w-]+", sections().get(name, "")))
    assert [word for word in words_of(cli.parser_for(name)) if word not in described] == []
