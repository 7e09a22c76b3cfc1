"""What is written down durably while everything else is being killed, and what must hold of it."""

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TOKEN = re.compile(r"m-(?P<who>[0-9a-z]+)-(?P<number>[0-9]+)")


class Journal:
    """An append-only file; a line that ``note`` has returned from is on disk."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._lines: list[dict[str, Any]] = []

    def note(self, **values: Any) -> None:
        """Write one line and wait until it is on disk."""
        os.write(self._descriptor, json.dumps(values, ensure_ascii=False).encode() + b"\n")
        os.fsync(self._descriptor)
        self._lines.append(values)

    def lines(self) -> Sequence[dict[str, Any]]:
        """Return everything written so far."""
        return self._lines

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


@dataclass
class Findings:
    """What came out of a run; everything but the totals must be empty."""

    acknowledged: int = 0
    delivered: int = 0
    repeated: int = 0
    drafts: int = 0
    receipts: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    answered_twice: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    jumbled: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    told_twice: list[str] = field(default_factory=list)

    def faults(self) -> dict[str, list[str]]:
        """Return what must not be, by name."""
        named = {
            "acknowledged and lost": self.lost,
            "in a draft twice or in two drafts": self.doubled,
            "two answers for one key": self.answered_twice,
            "one id, two contents": self.effects,
            "revisions out of order": self.disordered,
            "messages out of order": self.jumbled,
            "never forwarded": self.unfinished,
            "never sent by anybody": self.invented,
            "told of one case twice": self.told_twice,
        }
        return {name: found for name, found in named.items() if found}

    def summary(self) -> str:
        """Return one line for people."""
        return (
            f"acknowledged {self.acknowledged}, lost {len(self.lost)}, drafts {self.drafts}, "
            f"doubled {len(self.doubled)}, delivered {self.delivered} (again {self.repeated}), "
            f"effects per id above one {len(self.effects)}, "
            f"out of order {len(self.disordered) + len(self.jumbled)}, "
            f"receipts to citizens {self.receipts} (twice {len(self.told_twice)})"
        )


def judge(
    acknowledged: Iterable[dict[str, Any]],
    received: Iterable[dict[str, Any]],
    sent: set[str],
    told: Iterable[str] = (),
) -> Findings:
    """Compare what citizens were told with what the backend received.

    ``acknowledged``: ``token`` and perhaps ``answer`` of each success a citizen saw. ``received``:
    one line for each delivery in the order of arrival. ``sent``: every token anybody tried to send.
    ``told``: the texts that reached citizens.
    """
    findings = Findings()
    latest: dict[str, dict[str, Any]] = {}
    bodies: dict[str, str] = {}
    order: dict[str, list[int]] = defaultdict(list)
    for line in received:
        findings.delivered += 1
        known = bodies.get(line["id"])
        if known is not None:
            findings.repeated += 1
            if known != line["digest"]:
                findings.effects.append(line["id"])
            continue
        bodies[line["id"]] = line["digest"]
        order[line["draft_id"]].append(line["revision"])
        if line["revision"] >= latest.get(line["draft_id"], line)["revision"]:
            latest[line["draft_id"]] = line
    findings.drafts = len(latest)
    findings.disordered = [
        draft_id for draft_id, revisions in order.items() if revisions != sorted(revisions)
    ]
    homes: dict[str, list[str]] = defaultdict(list)
    for draft_id, line in latest.items():
        for token in line["tokens"]:
            homes[token].append(draft_id)
        if not _in_order(line["tokens"]):
            findings.jumbled.append(draft_id)
    findings.doubled = [token for token, drafts in homes.items() if len(drafts) > 1]
    findings.invented = [token for token in homes if token not in sent]
    findings.unfinished = [
        draft_id for draft_id, line in latest.items() if line["state"] != "forwarded"
    ]
    answers: dict[str, set[str]] = defaultdict(set)
    for line in acknowledged:
        findings.acknowledged += 1
        if line["token"] not in homes:
            findings.lost.append(line["token"])
        if line.get("answer"):
            answers[line["token"]].add(line["answer"])
    findings.answered_twice = [token for token, given in answers.items() if len(given) > 1]
    receipts = Counter(
        line["receipt_no"]
        for text in told
        for line in latest.values()
        if line["receipt_no"] in text
    )
    findings.receipts = receipts.total()
    findings.told_twice = [number for number, count in receipts.items() if count > 1]
    return findings


def _in_order(tokens: Iterable[str]) -> bool:
    """Tell whether everybody's messages stand in the order in which they were sent."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for token in tokens:
        parts = _TOKEN.fullmatch(token)
        if parts is not None:
            numbers[parts["who"]].append(int(parts["number"]))
    return all(found == sorted(found) for found in numbers.values())
