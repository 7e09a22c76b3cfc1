"""What is written down durably while everything else is being killed, and what must hold of it."""

import json
import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Journal:
    """An append-only file; a line that ``note`` has returned from is on disk."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._path = path

    def note(self, **values: Any) -> None:
        """Write one line and wait until it is on disk."""
        os.write(self._descriptor, json.dumps(values, ensure_ascii=False).encode() + b"\n")
        os.fsync(self._descriptor)

    def lines(self) -> list[dict[str, Any]]:
        """Return everything written so far."""
        return [json.loads(line) for line in self._path.read_text().splitlines()]

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


@dataclass
class Findings:
    """What came out of a run; everything but the totals must be empty."""

    acknowledged: int = 0
    delivered: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    answered_twice: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)

    def faults(self) -> dict[str, list[str]]:
        """Return what must not be, by name."""
        named = {
            "acknowledged and lost": self.lost,
            "in more than one draft": self.doubled,
            "two answers for one key": self.answered_twice,
            "one id, two contents": self.effects,
            "out of order": self.disordered,
            "never forwarded": self.unfinished,
            "never sent by anybody": self.invented,
        }
        return {name: found for name, found in named.items() if found}


def judge(
    acknowledged: list[dict[str, Any]], received: list[dict[str, Any]], sent: set[str]
) -> Findings:
    """Compare what citizens were told with what the backend received."""
    findings = Findings(acknowledged=len(acknowledged), delivered=len(received))
    latest: dict[str, dict[str, Any]] = {}
    bodies: dict[str, str] = {}
    order: dict[str, list[int]] = defaultdict(list)
    for line in received:
        known = bodies.setdefault(line["id"], line["digest"])
        if known != line["digest"]:
            findings.effects.append(line["id"])
        if line["repeated"]:
            continue
        order[line["draft_id"]].append(line["revision"])
        if line["revision"] >= latest.get(line["draft_id"], line)["revision"]:
            latest[line["draft_id"]] = line
    findings.disordered = [
        draft_id for draft_id, revisions in order.items() if revisions != sorted(revisions)
    ]
    homes: dict[str, set[str]] = defaultdict(set)
    for draft_id, line in latest.items():
        for token in line["tokens"]:
            homes[token].add(draft_id)
    findings.doubled = [token for token, drafts in homes.items() if len(drafts) > 1]
    findings.invented = [token for token in homes if token not in sent]
    findings.unfinished = [
        draft_id for draft_id, line in latest.items() if line["state"] != "forwarded"
    ]
    answers: dict[str, set[str]] = defaultdict(set)
    for line in acknowledged:
        if line["token"] not in homes:
            findings.lost.append(line["token"])
        if line.get("answer"):
            answers[line["token"]].add(line["answer"])
    findings.answered_twice = [token for token, given in answers.items() if len(given) > 1]
    return findings
