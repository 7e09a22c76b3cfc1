"""The life of a draft, walked at random: no forbidden move, and every end is an end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.domain.feed import EVENT_TYPES
from gateway.domain.lifecycle import ENDS, MOVES, State, WrongState, event_type, require_move


class Life(RuleBasedStateMachine):
    """One draft that is asked to become anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State.COLLECTING
        self.ended = False

    @rule(wanted=st.sampled_from(State))
    def is_asked_to_become(self, wanted: State) -> None:
        if wanted in MOVES[self.state]:
            require_move(self.state, wanted)
            assert not self.ended
            assert event_type(self.state, wanted) in EVENT_TYPES
            self.state = wanted
            self.ended = wanted in ENDS
        else:
            with pytest.raises(WrongState, match="cannot become"):
                require_move(self.state, wanted)

    @invariant()
    def only_ends_have_no_way_on(self) -> None:
        assert (self.state in ENDS) == (not MOVES[self.state])


TestLife = Life.TestCase


def test_the_ends_are_those_of_the_contract() -> None:
    assert {
        State.FORWARDED,
        State.ANSWERED,
        State.MERGED,
        State.REJECTED,
        State.EXPIRED,
    } == ENDS


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, State.COLLECTING, "draft.created"),
        (State.COLLECTING, State.COLLECTING, "draft.updated"),
        (State.COLLECTING, State.QUEUED, "draft.queued"),
        (State.QUEUED, State.CLAIMED, "draft.claimed"),
        (State.CLAIMED, State.QUEUED, "draft.released"),
        (State.CLAIMED, State.READY, "draft.ready"),
        (State.READY, State.FORWARDING, "draft.updated"),
        (State.FORWARDING, State.FORWARDED, "draft.forwarded"),
        (State.FORWARDING, State.READY, "draft.forward_failed"),
        (State.FORWARDED, State.FORWARDED, "draft.updated"),
    ],
)
def test_each_move_is_told_by_its_own_event(before: State | None, after: State, told: str) -> None:
    assert event_type(before, after) == told


@given(st.sampled_from(State), st.sampled_from(State))
def test_a_refusal_names_both_states_and_what_is_possible(now: State, wanted: State) -> None:
    if wanted in MOVES[now]:
        return
    with pytest.raises(WrongState) as caught:
        require_move(now, wanted)
    assert now in caught.value.message
    assert wanted in caught.value.message
    assert caught.value.cure
