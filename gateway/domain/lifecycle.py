"""The life of a draft: which state may follow which, and the event that tells of it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from gateway.domain.errors import GatewayError


class State(StrEnum):
    """The states of a draft; the last five are ends for the gateway."""

    COLLECTING = "collecting"
    QUEUED = "queued"
    CLAIMED = "claimed"
    READY = "ready"
    FORWARDING = "forwarding"
    FORWARDED = "forwarded"
    ANSWERED = "answered"
    MERGED = "merged"
    REJECTED = "rejected"
    EXPIRED = "expired"


_HANDLED = {State.ANSWERED, State.MERGED, State.REJECTED}

MOVES: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        # An urgent draft may skip the queue; a person decides everything else.
        State.COLLECTING: frozenset({State.QUEUED, State.READY, State.EXPIRED, *_HANDLED}),
        State.QUEUED: frozenset({State.CLAIMED, State.READY, State.EXPIRED, *_HANDLED}),
        State.CLAIMED: frozenset({State.QUEUED, State.READY, *_HANDLED}),
        State.READY: frozenset({State.FORWARDING, State.CLAIMED, *_HANDLED}),
        State.FORWARDING: frozenset({State.FORWARDED, State.READY}),
        State.FORWARDED: frozenset(),
        State.ANSWERED: frozenset(),
        State.MERGED: frozenset(),
        State.REJECTED: frozenset(),
        State.EXPIRED: frozenset(),
    }
)

ENDS: frozenset[State] = frozenset(state for state, after in MOVES.items() if not after)


class WrongState(GatewayError):
    """A draft was asked to make a move that its state does not allow."""

    def __init__(self, now: State, wanted: State) -> None:
        allowed = ", ".join(sorted(MOVES[now])) or "nothing: it has ended"
        super().__init__(
            f"a draft that is {now} cannot become {wanted}", f"from here it may become {allowed}"
        )
        self.now = now
        self.wanted = wanted


def require_move(now: State, wanted: State) -> None:
    """Raise :class:`WrongState` unless a draft may go from ``now`` to ``wanted``."""
    if wanted not in MOVES[now]:
        raise WrongState(now, wanted)


def event_type(before: State | None, after: State) -> str:
    """Return the feed event type that tells of a draft's new revision."""
    if before is None:
        return "draft.created"
    if before is State.CLAIMED and after is State.QUEUED:
        return "draft.released"
    if before is State.FORWARDING and after is State.READY:
        return "draft.forward_failed"
    if before is after or after in {State.COLLECTING, State.FORWARDING}:
        return "draft.updated"
    return f"draft.{after}"
