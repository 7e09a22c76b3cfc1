"""The options every command shares that needs the configuration, and how it is found."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.domain.errors import GatewayError

if TYPE_CHECKING:  # the settings classes are not needed to show a command's help
    from gateway.config import Config

OWN_FILE = Path("hotline.yaml")
DEMO_FILE = Path("config/demo.yaml")


def accept_config(parser: argparse.ArgumentParser, *, data: bool = True) -> None:
    """Add ``--config FILE`` and, unless ``data`` is false, ``--data DIR``."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"configuration (default: $HOTLINE_CONFIG, {OWN_FILE}, or {DEMO_FILE})",
    )
    if data:
        parser.add_argument(
            "--data",
            type=Path,
            metavar="DIR",
            help="data directory (default: the one the configuration names, usually data)",
        )


def config_file(args: argparse.Namespace) -> Path:
    """The configuration file the command line, the environment or the folder names."""
    given: Path | None = args.config
    if given is not None:
        return given
    if named := os.environ.get("HOTLINE_CONFIG"):
        return Path(named)
    if OWN_FILE.exists():
        return OWN_FILE
    if DEMO_FILE.exists():
        print(f"hotline: no {OWN_FILE} here, using {DEMO_FILE}", file=sys.stderr)
        return DEMO_FILE
    raise GatewayError(
        f"there is no configuration: {OWN_FILE} does not exist",
        "write one with hotline init DIR, or name it with --config FILE",
    )


def load_config(args: argparse.Namespace) -> "Config":
    """Load the configuration of this command line; raise ``ConfigError`` with all findings.

    Variables in a file ``.env`` beside the configuration are known too; the process's own
    environment comes first.
    """
    from gateway.channel.discovery import discover
    from gateway.config import load, read_env_file

    path = config_file(args)
    env = read_env_file(path.parent / ".env") | dict(os.environ)
    kinds = {kind: channel.settings for kind, channel in discover().items()}
    return load(path, channel_settings=kinds, env=env, data=getattr(args, "data", None))
