"""The ``hotline`` command: every module of this folder is one sub-command, found by its file name.

A command module offers ``SUMMARY`` (one line for the help), ``configure(parser)`` and
``run(args) -> exit code``. It must be cheap to import: whatever is heavy is imported inside
``run``, so that ``hotline check`` never loads a speech engine. A name that starts with an
underscore is not a command.
"""

import argparse
import difflib
import hashlib
import importlib
import io
import os
import pkgutil
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, Protocol, cast

from gateway import __version__
from gateway.domain.errors import GatewayError

BAD_INPUT = 2
INTERRUPTED = 130
UNEXPECTED = 70  # sysexits.h EX_SOFTWARE: a fault of ours, not of the person who typed


class UsageError(GatewayError):
    """The command line itself cannot be understood."""


class Command(Protocol):
    """What a module of this folder offers."""

    SUMMARY: str

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


class _OneLineParser(argparse.ArgumentParser):
    """Reports a mistake as one line with its cure instead of printing the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}", f"see {self.prog} --help")


def commands() -> Mapping[str, str]:
    """Name of each command and the module that implements it, in alphabetical order."""
    return {
        found.name.replace("_", "-"): f"{__name__}.{found.name}"
        for found in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name)
        if not found.name.startswith("_")
    }


def command(module: str) -> Command:
    """Import one command by the module name that :func:`commands` gives for it."""
    return cast(Command, importlib.import_module(module))


def parser_for(name: str) -> argparse.ArgumentParser:
    """The fully configured parser of one command, as its ``--help`` shows it."""
    parser = _OneLineParser(prog=f"hotline {name}", description=command(commands()[name]).SUMMARY)
    _accept_debug(parser)
    command(commands()[name]).configure(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; only the named command is imported.

    0 success, 2 bad input or any other :class:`GatewayError`, 130 interrupted, 70 a fault of ours.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words or bool(os.environ.get("HOTLINE_DEBUG"))
    _never_fail_on_an_unprintable_character()
    try:
        code = _dispatch(words)
        sys.stdout.flush()
    except SystemExit as leaving:  # argparse leaves this way after --help and --version
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) went away. Whatever is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the last line of defence: a person never sees a traceback
        return _report(error, debug=debug)
    return code


def _dispatch(words: Sequence[str]) -> int:
    top = _OneLineParser(
        prog="hotline",
        description="The hotline gateway: every citizen contact becomes one work-order draft.",
    )
    top.add_argument("--version", action="version", version=f"hotline {__version__}")
    _accept_debug(top)
    options = [word for word in words if word != "--debug"]
    if not options or options[0].startswith("-"):
        listing = top.add_subparsers(title="commands", metavar="COMMAND")
        for name, module in commands().items():
            listing.add_parser(name, help=command(module).SUMMARY)
        top.parse_args(options)
        raise UsageError("no command given", "hotline --help lists them")
    name, *rest = options
    if name not in commands():
        near = difflib.get_close_matches(name, commands(), n=1)
        cure = f"did you mean {near[0]}?" if near else "hotline --help lists the commands"
        raise UsageError(f"there is no command {name!r}", cure)
    args = parser_for(name).parse_args(rest)
    return command(commands()[name]).run(args)


def _accept_debug(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the traceback of an unexpected error (also: HOTLINE_DEBUG=1)",
    )


def _report(error: Exception, *, debug: bool) -> int:
    known = _known(error)
    if debug:
        traceback.print_exception(error)
    if known:
        for line in "\n".join(map(str, known)).splitlines():
            print(f"hotline: {line}", file=sys.stderr)
        return BAD_INPUT
    print(
        f"hotline: unexpected {type(error).__name__} (error id {_error_id(error)}); "
        "run it again with --debug and report what it prints",
        file=sys.stderr,
    )
    return UNEXPECTED


def _known(error: BaseException) -> list[GatewayError]:
    """The gateway's own errors inside ``error``; empty when anything else is among them."""
    if isinstance(error, GatewayError):
        return [error]
    if not isinstance(error, BaseExceptionGroup):
        return []
    parts = [_known(part) for part in error.exceptions]
    return [found for part in parts for found in part] if all(parts) else []


def _error_id(error: Exception) -> str:
    """The same fault gets the same id on every machine; no value of a variable goes into it."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.name}" for frame in frames]
    return hashlib.sha256("\n".join([type(error).__name__, *places]).encode()).hexdigest()[:8]


def _never_fail_on_an_unprintable_character() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
