"""Forty callers at once: everyone is heard, and nothing of them stays behind."""

import asyncio
from typing import get_args

import pytest

from tests.integration.telephone.load import Outcome, measured
from tests.integration.telephone.world import Wire


@pytest.fixture(scope="module", params=get_args(Wire))
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """Forty calls over one wire."""
    wire: Wire = request.param
    return asyncio.run(measured(wire, 40, 8 if wire == "audiosocket" else 12))


def test_no_call_fails_and_none_is_silent(outcome: Outcome) -> None:
    assert (outcome.calls, outcome.failed, outcome.silent) == (40, 0, 0)


def test_what_is_said_arrives_in_every_call(outcome: Outcome) -> None:
    assert outcome.frames >= 0.99


def test_nothing_of_the_calls_stays_behind(outcome: Outcome) -> None:
    assert outcome.nothing_left
    # The connections that commands go over are kept for the next calls, and closed in the end.
    assert outcome.files <= 8
    assert outcome.tasks <= 0
