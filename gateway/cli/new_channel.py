"""``hotline new-channel``: a channel folder that works, for somebody to make it theirs."""

import argparse
import keyword
import re
from pathlib import Path

from gateway.domain.draft import CHANNEL_PATTERN
from gateway.domain.errors import GatewayError

SUMMARY = "write the folder of a new channel, which passes the conformance kit as it stands"

_SKELETON = Path(__file__).parent / "_skeleton"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the name and the place."""
    parser.add_argument("name", metavar="NAME", help="kind of the channel, for example line")
    parser.add_argument(
        "--into",
        type=Path,
        default=Path("channels"),
        metavar="DIR",
        help="folder of the channels (default: channels)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the folder and say what to do with it."""
    folder = write(args.name, args.into)
    print(f"wrote {folder}")
    print("next: inbound.py says what the provider sends and how it signs; then")
    print(f"  python -m pytest tests/contract -k {args.name}")
    return 0


def write(name: str, into: Path) -> Path:
    """Write the skeleton of the channel ``name`` below ``into`` and return its folder.

    Raises ``GatewayError`` when the name cannot be a kind, or something is in the way.
    """
    if not re.fullmatch(CHANNEL_PATTERN, name) or keyword.iskeyword(name):
        raise GatewayError(
            f"{name!r} cannot be the kind of a channel",
            "use 2 to 31 lower case letters, digits and _, beginning with a letter",
        )
    if not into.is_dir():
        raise GatewayError(f"there is no folder {into}", "name an existing one with --into DIR")
    folder = into / name
    if folder.exists():
        raise GatewayError(f"{folder} exists already", "choose another name or remove it first")
    words = {
        "{kind}": name,
        "{Kind}": "".join(part.capitalize() for part in name.split("_")),
        "{KIND}": name.upper(),
        "{scheme}": name.replace("_", "-").rstrip("-"),
    }
    for template in sorted(_SKELETON.rglob("*.tmpl")):
        text = template.read_text("utf-8")
        for placeholder, word in words.items():
            text = text.replace(placeholder, word)
        file = folder / template.relative_to(_SKELETON).with_suffix("")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8", newline="\n")
    return folder
