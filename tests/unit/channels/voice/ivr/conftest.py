"""Small flows written in a test."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from channels.voice.ivr.engine import FlowWalk
from channels.voice.ivr.reading import parse
from gateway.config import Finding, InvalidConfig
from tests.unit.channels.voice.ivr.flows import CALENDARS

HEAD = """\
flow: test
languages: [zh, en]
start: first
person: person
way_out: bye
farewell: thanks
"""
TAIL = """\
  person: {kind: queue, target: operators, otherwise: bye}
  bye: {kind: hangup, prompts: thanks}
"""
Walked = Callable[..., FlowWalk]
Findings = Callable[..., list[Finding]]


def text_of(nodes: str, *, head: str = "", tail: str = TAIL) -> bytes:
    """A flow file around some nodes."""
    indented = "".join(f"  {line}\n" for line in dedent(nodes).strip("\n").splitlines())
    more = f"{dedent(head).strip()}\n" if head else ""
    return f"{HEAD}{more}nodes:\n{indented}{tail}".encode()


@pytest.fixture
def walked() -> Walked:
    """A walk of nodes, beside a person and a farewell."""

    def make(nodes: str, *, head: str = "", tail: str = TAIL) -> FlowWalk:
        return FlowWalk(parse(text_of(nodes, head=head, tail=tail), CALENDARS / "test.yaml").flow)

    return make


@pytest.fixture
def findings() -> Findings:
    """What makes nodes unusable; fails when nothing does."""

    def read(nodes: str, *, head: str = "", tail: str = TAIL) -> list[Finding]:
        with pytest.raises(InvalidConfig) as caught:
            parse(text_of(nodes, head=head, tail=tail), Path(CALENDARS / "test.yaml"))
        return list(caught.value.findings)

    return read
