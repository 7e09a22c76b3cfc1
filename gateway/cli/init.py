"""``hotline init DIR``: a commented configuration to start from; never overwrites anything."""

import argparse
from pathlib import Path

import gateway
from gateway.domain.errors import GatewayError

SUMMARY = "write a commented configuration to start from"

_TEMPLATES = Path(gateway.__file__).parent.parent / "config"
_FILES = {"hotline.yaml": "example.yaml", ".env.example": "example.env"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="folder to write into")


def run(args: argparse.Namespace) -> int:
    """Write ``hotline.yaml`` and ``.env.example`` into the folder and say what to do next."""
    folder: Path = args.dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if taken := [name for name in _FILES if (folder / name).exists()]:
            raise GatewayError(
                f"{folder / taken[0]} exists already", "name another folder or move it away"
            )
        for name, template in _FILES.items():
            with (folder / name).open("xb") as file:
                file.write((_TEMPLATES / template).read_bytes())
    except OSError as error:
        raise GatewayError(
            f"cannot write into {folder}: {error.strerror or 'it is not a usable folder name'}",
            "name a folder you may write to",
        ) from None
    config = folder / "hotline.yaml"
    print(f"wrote {config} and {folder / '.env.example'}")
    print("next: fill in site, switch on your channels, copy .env.example to .env for the secrets")
    print(f"then: hotline check --config {config}")
    print(f"      hotline serve --config {config}")
    return 0
