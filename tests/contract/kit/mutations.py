"""Bad versions of a good body: bytes changed at random (seeded), each field made absurd."""

import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

MUTATIONS = 150

_ABSURD_TEXTS = (
    "",
    "\x00",
    "-1",
    "99999999999999999999999999",
    "not-a-number",
    "2026-02-30T25:61:61",
    "2026-11-21T10:00:00",
    "Ā" * 300,
    "]]>",
    "../../etc/passwd",
)
_ABSURD_VALUES: tuple[Any, ...] = (
    *_ABSURD_TEXTS,
    None,
    True,
    -1,
    1e308,
    2**70,
    [],
    {},
    [[]],
    {"a": {}},
)


def mutated_bytes(body: bytes, count: int = MUTATIONS) -> Iterator[bytes]:
    """Flip, cut, repeat and insert bytes; the same every time for one body."""
    dice = random.Random(body)
    for _ in range(count):
        changed = bytearray(body)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(changed) + 1)
            match dice.randrange(5):
                case 0 if place < len(changed):
                    changed[place] ^= 1 << dice.randrange(8)
                case 1:
                    changed[place:place] = bytes([dice.randrange(256)])
                case 2:
                    del changed[place : place + dice.randint(1, 8)]
                case 3:
                    changed[place:place] = changed[place : place + dice.randint(1, 16)]
                case _:
                    del changed[place:]
        yield bytes(changed)


def absurd_fields(body: bytes) -> Iterator[bytes]:
    """Remove each field of a form or JSON document in turn, then give it each absurd value."""
    try:
        document = json.loads(body)
    except ValueError:
        yield from _absurd_form(body)
    else:
        for changed in _absurd(document):
            yield json.dumps(changed, ensure_ascii=False).encode()


def _absurd_form(body: bytes) -> Iterator[bytes]:
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True)
    except ValueError:
        return
    for place, (name, _) in enumerate(fields):
        rest = fields[:place] + fields[place + 1 :]
        yield urlencode(rest).encode()
        for value in _ABSURD_TEXTS:
            yield urlencode([*rest, (name, value)]).encode()


def _absurd(value: Any) -> Iterator[Any]:
    yield from _ABSURD_VALUES
    if isinstance(value, dict):
        for name in value:
            rest = {other: value[other] for other in value if other != name}
            yield rest
            for changed in _absurd(value[name]):
                yield {**rest, name: changed}
    elif isinstance(value, list):
        for place, item in enumerate(value):
            for changed in _absurd(item):
                yield [*value[:place], changed, *value[place + 1 :]]
