"""``hotline check``: is this configuration usable? Answered offline, with every finding at once."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.cli._settings import accept_config, load_config

if TYPE_CHECKING:  # not needed to show the help
    from gateway.config import Config, Finding

SUMMARY = "check a configuration offline and show everything that is wrong with it"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    accept_config(parser, data=False)


def run(args: argparse.Namespace) -> int:
    """Print the findings, one a line, or ``ok: N channels, M endpoints``."""
    from gateway.config import InvalidConfig
    from gateway.speech.lexicon import load_lexicon

    try:
        config = load_config(args)
    except InvalidConfig as invalid:
        print(invalid)
        return 2
    try:
        load_lexicon(config.speech.lexicon, jurisdiction=config.site.jurisdiction)
    except InvalidConfig as invalid:
        print(invalid)
        return 2
    if findings := list(_flows(config)):
        print(*findings, sep="\n")
        return 2
    print(f"ok: {_count(config.channels, 'channel')}, {_count(config.endpoints, 'endpoint')}")
    return 0


def _flows(config: "Config") -> "Iterator[Finding]":
    """Yield what is wrong with the telephone flows that the accounts name, each flow once."""
    from gateway.cli._flows import flows_of, lint

    for flow, prompts in flows_of(config):
        yield from lint(flow, prompts)


def _count(things: tuple[object, ...], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
