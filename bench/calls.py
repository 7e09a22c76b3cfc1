"""What carrying the audio of telephone calls costs, with a real Asterisk and real callers (SIPp).

Recognition and recording are left out: this is the transport alone, from Asterisk's socket to the
events that a call session reads, and a prompt back. The share of one core that a call takes does
not depend on how many there are, so the goal is per call; the callers' A-law is heard to the bit.
"""

import asyncio
from collections.abc import Iterator
from typing import get_args

from bench.report import Options, Row
from tests.integration.telephone.load import Outcome, measured
from tests.integration.telephone.world import Wire

NAME = "calls"

_GOAL_PERCENT = 0.25
_SECONDS = 12.0


def measure(options: Options) -> Iterator[Row]:
    """Yield the rows of 40 and of 100 calls at once over each wire."""
    for wire in get_args(Wire):
        for calls in (40,) if options.quick else (40, 100):
            outcome = asyncio.run(measured(wire, calls, _SECONDS))
            yield from _rows(f"{calls} calls, {wire}", outcome)


def _rows(what: str, outcome: Outcome) -> Iterator[Row]:
    heard = f"{outcome.silent} silent, {outcome.failed} failed"
    yield Row(
        what=f"CPU of one core a call: {what}",
        measured=f"{outcome.cpu:.2%}",
        yardstick="the goal",
        ratio=outcome.cpu * 100,
        sense="≤",
        goal=_GOAL_PERCENT,
        unit="%",
    )
    yield Row(
        what=f"frames heard, worst call: {what}",
        measured=heard,
        yardstick="what was said",
        ratio=0.0 if outcome.silent or outcome.failed else outcome.frames * 100,
        sense="≥",
        goal=99.0,
        unit="%",
    )
