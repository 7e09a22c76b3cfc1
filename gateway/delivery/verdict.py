"""What one attempt means for the event and for its endpoint."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.channel.http import EgressError, EgressErrorKind, EgressReply
from gateway.delivery.schedule import parse_retry_after

HELD_WAIT = timedelta(minutes=1)
"""Wait between attempts that use up nothing, because the cause is on this side."""

_THROTTLING = frozenset({429, 502, 503, 504})
_UNACCEPTABLE = frozenset({400, 415, 422})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The endpoint acknowledged the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The event stays at the head of its lane and is tried again.

    ``at_least`` is a floor for the wait. ``throttled``: the endpoint asked for less.
    ``charge_endpoint``: the breaker counts this against the endpoint. ``uses_schedule``: this
    counts as one of the schedule's failures; when it does not (our own fault, or a URL that
    configuration forbids), the event can wait for ever and never becomes a dead letter by it.
    """

    reason: str
    at_least: timedelta | None = None
    throttled: bool = False
    charge_endpoint: bool = True
    uses_schedule: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """Trying again cannot help: to the dead letters, where an operator looks at it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The endpoint wants nothing more: it is paused, and its events wait in order."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The request may have been acted on and is not safe to repeat: look it up or ask a person."""

    reason: str


Verdict = Delivered | Retry | Dead | Pause | Unknown


def judge(outcome: EgressReply | EgressError, *, now: datetime, repeatable: bool = True) -> Verdict:
    """Judge one attempt.

    ``repeatable`` is false for backends that cannot tell a repetition from a new case; there, an
    attempt that may have been acted on without a clear answer is ``Unknown``.
    An answer counts once it is complete (or cut at the size limit): a 200 whose body breaks off
    is a failure, because a backend that died while answering may not have kept the event.
    """
    if isinstance(outcome, EgressError):
        return _of_error(outcome, repeatable=repeatable)
    return _of_reply(outcome, now=now, repeatable=repeatable)


def _of_reply(reply: EgressReply, *, now: datetime, repeatable: bool) -> Verdict:
    status = reply.status
    reason = f"HTTP {status}"
    if 200 <= status < 300:
        return Delivered()
    if status == 410:
        return Pause(reason=f"{reason}: the endpoint is gone")
    if status in _UNACCEPTABLE:
        return Dead(reason=f"{reason}: the endpoint does not accept this event")
    if status in _THROTTLING:
        if not repeatable and status in {502, 504}:
            return Unknown(reason=f"{reason}: a proxy answered, the backend may have acted")
        asked = parse_retry_after(reply.headers.get("retry-after"), now=now)
        # 429 comes from an endpoint that is well and wants less; the others are failing as well.
        return Retry(reason=reason, at_least=asked, throttled=True, charge_endpoint=status != 429)
    if not repeatable and status >= 500:
        return Unknown(reason=f"{reason}: the backend may have acted before it failed")
    if 300 <= status < 400:
        return Retry(reason=f"{reason}: redirects are not followed")
    return Retry(reason=reason)


def _of_error(error: EgressError, *, repeatable: bool) -> Verdict:
    reason = str(error)
    if error.request_sent and not repeatable:
        return Unknown(reason=reason)
    if error.kind is EgressErrorKind.BLOCKED:
        return Retry(reason=reason, at_least=HELD_WAIT, uses_schedule=False)
    if error.ours:
        return Retry(reason=reason, at_least=HELD_WAIT, charge_endpoint=False, uses_schedule=False)
    return Retry(reason=reason)
