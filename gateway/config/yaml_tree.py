"""Reads YAML into a small tree that remembers its lines and never guesses a type.

Every scalar stays the text that was written (only an unquoted ``null``, ``~`` or nothing at all is
``None``), because the settings decide what a value means. Size, depth and aliases are bounded
before anything is built, tags are refused, and a key may stand once only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_NODES = 20_000

_NULLS = {"", "~", "null", "Null", "NULL"}


class Unreadable(Exception):
    """The text is not a configuration at all. ``line`` counts from 1, ``key`` may be ``file``."""

    def __init__(self, line: int, problem: str, cure: str, *, key: str = "file") -> None:
        super().__init__(problem)
        self.line = line
        self.key = key
        self.problem = problem
        self.cure = cure


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One value as written; ``None`` for null."""

    line: int
    text: str | None
    size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One key of a mapping with the line it stands in."""

    line: int
    key: str
    value: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Keys and values in the order of the file; no key twice. ``size`` counts all nodes in it."""

    line: int
    items: tuple[Item, ...]
    size: int

    def get(self, key: str) -> Item | None:
        """The item with this key."""
        return next((item for item in self.items if item.key == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list of values. ``size`` counts all nodes in it."""

    line: int
    items: tuple["Node", ...]
    size: int


Node = Scalar | Mapping | Sequence


def read(raw: bytes) -> Node:
    """Read one YAML document; raise :class:`Unreadable` and nothing else."""
    if len(raw) > MAX_BYTES:
        raise Unreadable(1, f"is larger than {MAX_BYTES // 1024} KiB", "split or shorten it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, "is not UTF-8 text", "save the file as UTF-8") from None
    try:
        return _Builder(yaml.parse(text, Loader=yaml.SafeLoader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"is not YAML: {error.problem or error.context}"
        raise Unreadable(
            mark.line + 1 if mark else 1, problem, "correct the spelling or the indentation"
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable(line, "holds a control character", "remove it") from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML turns an escape such as "\UFFFFFFFF" or an absurd %YAML version into these.
        raise Unreadable(1, "holds an impossible escape or version", "correct it") from None


class _Builder:
    """Builds the tree from the parser's events, counting as it goes."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def document(self) -> Node:
        next(self._events)  # the stream starts
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            return Mapping(line=1, items=(), size=1)
        root = self._node(next(self._events), depth=0)
        next(self._events)  # the document ends
        if not isinstance(after := next(self._events), yaml.StreamEndEvent):
            raise Unreadable(_line(after), "holds a second document", "remove the --- line")
        return root

    def _node(self, event: yaml.Event, *, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise Unreadable(_line(event), f"is nested deeper than {MAX_DEPTH}", "flatten it")
        if isinstance(event, yaml.AliasEvent):
            node = self._anchors.get(event.anchor or "")
            if node is None:
                raise Unreadable(
                    _line(event), f"*{event.anchor} has no &{event.anchor} above it", "define it"
                )
            self._count(event, node.size)
            return node
        self._count(event, 1)
        if getattr(event, "tag", None) is not None:
            raise Unreadable(_line(event), "holds a tag (!…)", "write the plain value")
        anchor: str | None = getattr(event, "anchor", None)
        node = self._built(event, depth=depth)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _built(self, event: yaml.Event, *, depth: int) -> Node:
        match event:
            case yaml.MappingStartEvent():
                return self._mapping(event, depth=depth)
            case yaml.SequenceStartEvent():
                return self._sequence(event, depth=depth)
            case _:
                return _scalar(event)

    def _mapping(self, start: yaml.Event, *, depth: int) -> Mapping:
        items: dict[str, Item] = {}
        size = 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            self._count(event, 1)
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
                raise Unreadable(_line(event), "holds a key that is not a word", "write a name")
            key = _scalar(event).text or ""
            if key in items:
                raise Unreadable(
                    _line(event),
                    f"stands here and in line {items[key].line}",
                    "keep one of them",
                    key=printable(key),
                )
            value = self._node(next(self._events), depth=depth + 1)
            items[key] = Item(line=_line(event), key=key, value=value)
            size += 1 + value.size
        return Mapping(line=_line(start), items=tuple(items.values()), size=size)

    def _sequence(self, start: yaml.Event, *, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth=depth + 1))
        size = 1 + sum(item.size for item in items)
        return Sequence(line=_line(start), items=tuple(items), size=size)

    def _count(self, event: yaml.Event, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise Unreadable(
                _line(event), f"holds more than {MAX_NODES} values, aliases counted", "shorten it"
            )


def plain(node: Node) -> Any:
    """The values of a tree as dicts, lists and text; nothing is looked up or put in."""
    match node:
        case Mapping():
            return {item.key: plain(item.value) for item in node.items}
        case Sequence():
            return [plain(item) for item in node.items]
        case Scalar():
            return node.text


def printable(key: str) -> str:
    """A key as it may be shown in one line, whatever someone wrote into the file."""
    return key if key.isprintable() and 0 < len(key) <= 60 else ascii(key[:60])


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


_UNENCODABLE = re.compile("[\ud800-\udfff\0]")


def _scalar(event: yaml.Event) -> Scalar:
    if not isinstance(event, yaml.ScalarEvent):
        raise Unreadable(_line(event), "holds something that is not a value", "remove it")
    text = event.value
    if _UNENCODABLE.search(text):
        raise Unreadable(_line(event), "holds a character that cannot be stored", "remove it")
    plain = event.style is None
    return Scalar(line=_line(event), text=None if plain and text in _NULLS else text)
