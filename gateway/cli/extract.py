"""``hotline extract``: the draft fields that a text gives, each with the words it comes from."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.domain.draft import Suggestion

SUMMARY = "show the draft fields found in a text from standard input, each with its evidence"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the fields found, one a line, or as one JSON object."""
    from gateway.understanding import Passage, found_in

    found = found_in([Passage(text=_text())])
    print(_json(found) if args.json else _lines(found))
    return 0


def _text() -> str:
    from gateway.cli import UsageError
    from gateway.domain.intake import TEXT_LIMIT

    # UTF-8 takes at most four bytes a character; one more byte tells that there is too much.
    given = sys.stdin.buffer.read(4 * TEXT_LIMIT + 1)
    try:
        text = given.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"standard input is not UTF-8 (byte {error.start})", "convert the text to UTF-8 first"
        ) from None
    if len(text) > TEXT_LIMIT:
        raise UsageError(
            f"the text is longer than {TEXT_LIMIT} characters", "give one message at a time"
        )
    if not text.strip():
        raise UsageError(
            "no text came on standard input", "for example: hotline extract < letter.txt"
        )
    return text


def _json(found: "Sequence[Suggestion]") -> str:
    import msgspec

    return json.dumps({"fields": msgspec.to_builtins(found)}, ensure_ascii=False)


def _lines(found: "Sequence[Suggestion]") -> str:
    return "\n".join(map(_line, found)) or "nothing found"


def _line(one: "Suggestion") -> str:
    value = one.value if one.alternatives is None else " or ".join(one.alternatives)
    words = "  ".join(
        f"“{evidence.text}” [{evidence.start}:{evidence.end}]" for evidence in one.evidence or ()
    )
    return f"{one.field}  {value}  ({one.status}, {one.confidence})  {words}"
