"""``hotline check``: is this configuration usable? Answered offline, with every finding at once."""

import argparse

from gateway.cli._settings import accept_config, load_config

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
    print(f"ok: {_count(config.channels, 'channel')}, {_count(config.endpoints, 'endpoint')}")
    return 0


def _count(things: tuple[object, ...], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
