"""One breaker per endpoint: stop calling what is down, return with one probe, speed up gently.

The state is a value and every transition a pure function, so a store can keep it in a row and
several processes can share it by compare-and-swap.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.delivery.verdict import Dead, Delivered, Pause, Retry, Unknown, Verdict


class BreakerState(StrEnum):
    """Whether an endpoint is called."""

    CLOSED = "closed"
    """Called, as many at a time as ``window`` allows."""
    OPEN = "open"
    """Not called before ``retry_at``."""
    HALF_OPEN = "half_open"
    """One probe is under way, until ``probe_until`` at the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """The numbers: failures in a row that open, the pauses, and the most calls at one time."""

    threshold: int = 5
    cooldown: timedelta = timedelta(seconds=15)
    longest_cooldown: timedelta = timedelta(minutes=5)
    probe_lease: timedelta = timedelta(seconds=60)
    most_at_once: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The state of one endpoint.

    ``window`` is how many calls may be under way at once (its whole part counts). ``openings``
    counts the times it opened without a success in between and stretches the cool-down.
    ``not_before`` holds a throttling endpoint's wish. ``reason`` tells an operator why it is open.
    """

    state: BreakerState = BreakerState.CLOSED
    window: float = 1.0
    failures: int = 0
    openings: int = 0
    retry_at: datetime | None = None
    probe_until: datetime | None = None
    not_before: datetime | None = None
    reason: str | None = None


def admit(
    breaker: Breaker, *, now: datetime, under_way: int, policy: BreakerPolicy
) -> tuple[Breaker, bool]:
    """Ask to make one more call while ``under_way`` run; return the new state and yes or no.

    Keep the new state before calling: the probe is taken by it. A prober that dies gives the probe
    back after ``policy.probe_lease``.
    """
    if breaker.state is BreakerState.CLOSED:
        if breaker.not_before is not None and now < breaker.not_before:
            return breaker, False
        return breaker, under_way < int(breaker.window)
    is_open = breaker.state is BreakerState.OPEN
    shut_until = breaker.retry_at if is_open else breaker.probe_until
    if shut_until is not None and now < shut_until:
        return breaker, False
    probing = replace(
        breaker,
        state=BreakerState.HALF_OPEN,
        retry_at=None,
        probe_until=now + policy.probe_lease,
    )
    return probing, True


def succeeded(breaker: Breaker, *, policy: BreakerPolicy) -> Breaker:
    """Return the state after an acknowledged call: closed, and a little faster than before.

    From open or half-open the window starts again at one and grows by about one per round of
    calls, so a backend that returns is not buried under what has piled up.
    """
    if breaker.state is not BreakerState.CLOSED:
        return Breaker()
    window = min(float(policy.most_at_once), breaker.window + 1 / int(breaker.window))
    return replace(breaker, window=window, failures=0, openings=0, not_before=None, reason=None)


def failed(breaker: Breaker, *, now: datetime, reason: str, policy: BreakerPolicy) -> Breaker:
    """Return the state after a failure that is the endpoint's: slower, and in the end open."""
    match breaker.state:
        case BreakerState.OPEN:
            # A call that began before it opened: already counted in.
            return breaker
        case BreakerState.HALF_OPEN:
            return _opened(breaker, now=now, reason=reason, policy=policy)
        case BreakerState.CLOSED:
            failures = breaker.failures + 1
            slower = replace(
                breaker, failures=failures, window=max(1.0, breaker.window / 2), reason=reason
            )
            if failures < policy.threshold:
                return slower
            return _opened(slower, now=now, reason=reason, policy=policy)


def throttled(
    breaker: Breaker,
    *,
    now: datetime,
    reason: str,
    wait: timedelta | None,
    policy: BreakerPolicy,
) -> Breaker:
    """Return the state after an answer that asked for less, without counting it as a failure.

    Nothing is sent for ``wait`` (``policy.cooldown`` when the endpoint did not say).
    """
    until = now + (policy.cooldown if wait is None else wait)
    if breaker.state is BreakerState.OPEN:
        later = until if breaker.retry_at is None else max(until, breaker.retry_at)
        return replace(breaker, retry_at=later)
    if breaker.state is BreakerState.HALF_OPEN:
        # It answered, so it is up: ask again when it said, without a longer cool-down.
        return replace(
            breaker, state=BreakerState.OPEN, retry_at=until, probe_until=None, reason=reason
        )
    held = until if breaker.not_before is None else max(until, breaker.not_before)
    return replace(breaker, window=max(1.0, breaker.window / 2), not_before=held, reason=reason)


def undecided(breaker: Breaker, *, now: datetime, policy: BreakerPolicy) -> Breaker:
    """Return the state after a call that failed through our own fault: nothing learnt.

    A probe that was spent that way is given back after one plain cool-down.
    """
    if breaker.state is not BreakerState.HALF_OPEN:
        return breaker
    return replace(
        breaker, state=BreakerState.OPEN, retry_at=now + policy.cooldown, probe_until=None
    )


def settled(breaker: Breaker, verdict: Verdict, *, now: datetime, policy: BreakerPolicy) -> Breaker:
    """Return the state after one attempt was judged: the one transition a delivery worker needs."""
    match verdict:
        case Delivered() | Dead():
            # An endpoint that refuses one event with a clear answer is well.
            return succeeded(breaker, policy=policy)
        case Unknown(reason=reason):
            return failed(breaker, now=now, reason=reason, policy=policy)
        case Pause():
            return undecided(breaker, now=now, policy=policy)
        case Retry(reason=reason):
            if not (verdict.charge_endpoint or verdict.throttled):
                return undecided(breaker, now=now, policy=policy)
            if verdict.charge_endpoint:
                breaker = failed(breaker, now=now, reason=reason, policy=policy)
            if verdict.throttled:
                breaker = throttled(
                    breaker, now=now, reason=reason, wait=verdict.at_least, policy=policy
                )
            return breaker


def _opened(breaker: Breaker, *, now: datetime, reason: str, policy: BreakerPolicy) -> Breaker:
    # Bounded before doubling: a year of failures must not overflow a timedelta.
    cooldown = min(policy.cooldown * 2 ** min(breaker.openings, 16), policy.longest_cooldown)
    return Breaker(
        state=BreakerState.OPEN,
        openings=breaker.openings + 1,
        retry_at=now + cooldown,
        reason=reason,
    )
