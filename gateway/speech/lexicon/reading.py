"""Reads the files of a lexicon; every mistake is found at once, with its file and line.

A YAML file holds lists of words. A CSV file is a table of names with a header: ``name``, and
optionally ``kind`` and ``code`` (a division code: rows outside the site's city are left out).
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.config import Finding, InvalidConfig
from gateway.config import yaml_tree as tree
from gateway.speech.lexicon.words import Lexicon

LARGEST_TABLE = 16 * 1024 * 1024
"""Bytes of one table: all the streets of China are 1.6 MB."""

LONGEST = 30
"""Characters of one word; what is longer is a sentence."""

_GROUPS = {
    "streets": "streets",
    "communities": "communities",
    "agencies": "agencies",
    "words": "topic_words",
}
_KINDS = {"street": "streets", "community": "communities", "agency": "agencies", "word": "words"}
_BY = {"entries": "by_entry", "topics": "by_topic"}
_PAGE = "see docs/how-to/build-a-lexicon.md"


def load_lexicon(paths: Sequence[Path], *, jurisdiction: str) -> Lexicon:
    """Read all files as one lexicon; raise :class:`InvalidConfig` with every finding."""
    lexicon, findings = read_lexicon(paths, jurisdiction=jurisdiction)
    if findings:
        raise InvalidConfig(findings)
    return lexicon


def read_lexicon(paths: Sequence[Path], *, jurisdiction: str) -> tuple[Lexicon, list[Finding]]:
    """Read all files; return what is good in them and what is wrong.

    ``jurisdiction`` (six digits, GB/T 2260) chooses the rows of tables that have codes: those of
    the same city; an empty one takes all.
    """
    reading = _Reading(jurisdiction)
    for path in paths:
        reading.take(path)
    return reading.lexicon(), sorted(reading.findings)


class _Reading:
    """One pass over all files."""

    def __init__(self, jurisdiction: str) -> None:
        self._city = _city(jurisdiction)
        self._groups: dict[str, dict[str, None]] = {name: {} for name in _GROUPS.values()}
        self._by: dict[str, dict[str, dict[str, None]]] = {name: {} for name in _BY.values()}
        self.findings: list[Finding] = []

    def lexicon(self) -> Lexicon:
        groups = {name: tuple(words) for name, words in self._groups.items()}
        chosen = {
            name: {key: tuple(words) for key, words in lists.items()}
            for name, lists in self._by.items()
        }
        return Lexicon(
            streets=groups["streets"],
            communities=groups["communities"],
            agencies=groups["agencies"],
            topic_words=groups["topic_words"],
            by_entry=chosen["by_entry"],
            by_topic=chosen["by_topic"],
        )

    def take(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                raw = file.read(LARGEST_TABLE + 1)
        except (OSError, ValueError):
            self._find(path, 1, "file", "cannot be read", "correct the path in speech.lexicon")
            return
        match path.suffix.lower():
            case ".yaml" | ".yml":
                self._take_lists(path, raw)
            case ".csv":
                self._take_table(path, raw)
            case _:
                self._find(path, 1, "file", "is neither .yaml nor .csv", _PAGE)

    def _take_lists(self, path: Path, raw: bytes) -> None:
        try:
            root = tree.read(raw)
        except tree.Unreadable as bad:
            self._find(path, bad.line, bad.key, bad.problem, bad.cure)
            return
        if not isinstance(root, tree.Mapping):
            self._find(
                path, root.line, "file", "is not a list of keys", f"start it with {_known()}"
            )
            return
        for item in root.items:
            if item.key in _GROUPS:
                self._groups[_GROUPS[item.key]] |= self._words(path, item.key, item.value)
            elif item.key in _BY:
                self._take_choices(path, item)
            else:
                key = tree.printable(item.key)
                self._find(path, item.line, key, "unknown key", f"use one of {_known()}")

    def _take_choices(self, path: Path, group: tree.Item) -> None:
        if not isinstance(group.value, tree.Mapping):
            self._find(path, group.line, group.key, "must be a group of keys", _PAGE)
            return
        lists = self._by[_BY[group.key]]
        for item in group.value.items:
            key = f"{group.key}.{tree.printable(item.key)}"
            words = lists.setdefault(item.key, {})
            words |= self._words(path, key, item.value)

    def _words(self, path: Path, key: str, node: tree.Node) -> dict[str, None]:
        if not isinstance(node, tree.Sequence):
            if not (isinstance(node, tree.Scalar) and node.text is None):
                self._find(path, node.line, key, "must be a list", "write [word, word]")
            return {}
        found: dict[str, None] = {}
        for item in node.items:
            if not isinstance(item, tree.Scalar):
                self._find(path, item.line, key, "holds something that is not a word", "remove it")
                continue
            word = (item.text or "").strip()
            if problem := _problem(word):
                self._find(path, item.line, key, *problem)
            elif word in found:
                self._find(path, item.line, key, f"holds {word} twice", "keep one of them")
            else:
                found[word] = None
        return found

    def _take_table(self, path: Path, raw: bytes) -> None:
        if len(raw) > LARGEST_TABLE:
            self._find(
                path, 1, "file", f"is larger than {LARGEST_TABLE >> 20} MiB", "split the table"
            )
            return
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            self._find(path, line, "file", "is not UTF-8 text", "save the table as UTF-8")
            return
        rows = csv.DictReader(io.StringIO(text, newline=""))
        try:
            if "name" not in (rows.fieldnames or ()):
                self._find(path, 1, "file", "has no column called name", "add a header line")
                return
            for word, group in self._rows(path, rows):
                self._groups[_GROUPS[group]].setdefault(word)
        except csv.Error as error:
            self._find(
                path, max(rows.line_num, 1), "file", f"is not CSV: {error}", "save the table again"
            )

    def _rows(self, path: Path, rows: "csv.DictReader[str]") -> Iterator[tuple[str, str]]:
        for values in rows:
            code = (values.get("code") or "").strip()
            if code and not code.startswith(self._city):
                continue
            word = (values.get("name") or "").strip()
            kind = (values.get("kind") or "street").strip()
            if kind not in _KINDS:
                cure = f"use one of {', '.join(_KINDS)}"
                self._find(path, rows.line_num, "kind", f"is {kind[:20]!r}", cure)
            elif problem := _problem(word):
                self._find(path, rows.line_num, "name", *problem)
            else:
                yield word, _KINDS[kind]

    def _find(self, path: Path, line: int, key: str, problem: str, cure: str) -> None:
        self.findings.append(
            Finding(file=str(path), line=line, key=key, problem=problem, cure=cure)
        )


def _problem(word: str) -> tuple[str, str] | None:
    if len(word) < 2:
        return "holds a word of fewer than two characters", "write it in full or remove it"
    if len(word) > LONGEST:
        return f"holds a word of more than {LONGEST} characters", "write the name alone"
    if not word.isprintable():
        return "holds a character that cannot be shown", "remove it"
    return None


def _city(jurisdiction: str) -> str:
    """Return how division codes inside this place begin: 3701 for 370100, 37 for 370000."""
    code = jurisdiction
    while len(code) > 2 and code.endswith("00"):
        code = code[:-2]
    return code


def _known() -> str:
    return ", ".join((*_GROUPS, *_BY))
