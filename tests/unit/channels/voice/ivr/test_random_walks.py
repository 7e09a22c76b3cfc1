"""Whatever a flow says and whatever a caller does, a call goes on or ends; it never breaks."""

from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from channels.voice.ivr.engine import MOST_MOVES, MOST_QUIET, FlowWalk
from channels.voice.ivr.flow import Flow
from channels.voice.ivr.reading import load
from channels.voice.ivr.state import LIMIT
from channels.voice.ivr.steps import Facts, HangUp, Result, StaleState, Step
from tests.unit.channels.voice.ivr.flows import NOON, SHIPPED, facts, flows, results, silences

# Shrinking a whole flow takes minutes; what failed can be read as it is.
UNHURRIED = settings(
    deadline=None,
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
MOST_PARTS = 4 * MOST_MOVES


@cache
def shipped() -> FlowWalk:
    return FlowWalk(load(SHIPPED))


def check(walk: FlowWalk, state: str, step: Step) -> None:
    assert len(state) <= LIMIT
    assert len(step.parts) <= MOST_PARTS
    assert step.node in walk.flow.nodes
    assert step.language in walk.flow.settings.languages
    assert walk.step(state).ask == step.ask


def walked(walk: FlowWalk, begun: Facts, given: list[Result]) -> str:
    state, step = walk.begin(begun)
    check(walk, state, step)
    for result in given:
        assert walk.after(state, result, NOON) == walk.after(state, result, NOON)
        state, step = walk.after(state, result, NOON)
        check(walk, state, step)
    return state


@UNHURRIED
@given(flow=flows(), begun=facts, given=st.lists(results, max_size=15))
def test_any_flow_takes_any_result(flow: Flow, begun: Facts, given: list[Result]) -> None:
    walked(FlowWalk(flow), begun, given)


@UNHURRIED
@given(begun=facts, given=st.lists(results, max_size=40))
def test_the_shipped_flow_takes_any_result(begun: Facts, given: list[Result]) -> None:
    walked(shipped(), begun, given)


@UNHURRIED
@given(
    flow=flows(),
    begun=facts,
    given=st.lists(results, max_size=8),
    silent=st.lists(silences, min_size=3 * MOST_QUIET, max_size=3 * MOST_QUIET),
)
def test_a_call_in_which_nobody_does_anything_ends(
    flow: Flow, begun: Facts, given: list[Result], silent: list[Result]
) -> None:
    walk = FlowWalk(flow)
    state = walked(walk, begun, given)
    for result in silent:
        if isinstance(walk.step(state).ask, HangUp):
            return
        state, step = walk.after(state, result, NOON)
        check(walk, state, step)
    pytest.fail(f"still asking: {walk.step(state)}")


@UNHURRIED
@given(begun=facts, at=st.integers(0, 200), junk=st.text(max_size=3))
def test_a_damaged_state_is_stale_or_still_one(begun: Facts, at: int, junk: str) -> None:
    walk = shipped()
    state, _ = walk.begin(begun)
    broken = state[:at] + junk + state[at + 1 :]
    try:
        step = walk.step(broken)
    except StaleState:
        return
    assert step.node in walk.flow.nodes


@UNHURRIED
@given(flow=flows(), begun=facts)
def test_a_state_of_another_flow_is_stale(flow: Flow, begun: Facts) -> None:
    state, step = shipped().begin(begun)
    assert step.node in shipped().flow.nodes
    with pytest.raises(StaleState):
        FlowWalk(flow).step(state)
