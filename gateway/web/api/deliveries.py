"""Deliveries for those who look after them: endpoints, attempts, dead letters, replay, pause."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.delivery.office import DeliveryOffice
from gateway.domain.draft import Aware
from gateway.domain.feed import EVENT_TYPES, is_pattern
from gateway.store.deliveries import Attempt, Outcome
from gateway.store.times import from_us
from gateway.store.tokens import Scope
from gateway.web.api.names import DraftId, EndpointName, EndpointPath, EventId, Line, Number
from gateway.web.api.operation import Answer, Call, Nothing, Operation, Reply
from gateway.web.problems import FieldProblem, Problem


class AttemptsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which attempts are wanted; what is given must all hold."""

    draft_id: DraftId | UnsetType = UNSET
    event_id: EventId | UnsetType = UNSET
    endpoint: EndpointName | UnsetType = UNSET
    before: Annotated[
        Number | UnsetType, Meta(description="`next` of the last answer: the page behind it")
    ] = UNSET
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class AttemptLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call of an endpoint: when, how long, and what it came to."""

    attempt_id: int
    endpoint: str
    event_id: str
    number: int
    started: datetime
    took_ms: float
    outcome: Outcome
    draft_id: str | None = None
    status: int | None = None
    error: str | None = None
    response: str | None = None


class AttemptPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Attempts, newest first; ``next`` is absent on the last page."""

    attempts: tuple[AttemptLine, ...]
    next: int | None = None


class DeadQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which dead letters are wanted."""

    endpoint: EndpointName | UnsetType = UNSET
    after: Annotated[
        Number | UnsetType, Meta(description="`next` of the last answer: the page behind it")
    ] = UNSET
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class LetterLine(Struct, frozen=True, kw_only=True):
    """A delivery that waits for a person; one that is ``held`` also stops what comes after it.

    ``endpoint`` is ``gateway:`` and a queue's name for work of the gateway itself; it has no event.
    """

    seq: int
    endpoint: str
    event_id: str
    type: str
    subject: str
    held: bool
    attempts: int
    error: str
    created: datetime


class DeadPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Dead letters and held deliveries, oldest first; ``next`` is absent on the last page."""

    letters: tuple[LetterLine, ...]
    next: int | None = None


class EndpointLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an endpoint stands.

    ``paused`` is why it is not called; ``reason`` and ``retry_at`` tell of its breaker.
    ``configured`` is false for one that left the configuration and still has deliveries.
    """

    name: str
    configured: bool
    pending: int
    dead: int
    held: int
    breaker: str
    paused: str | None = None
    reason: str | None = None
    retry_at: datetime | None = None
    last_success: datetime | None = None


class EndpointList(Struct, frozen=True, kw_only=True):
    """Every endpoint."""

    endpoints: tuple[EndpointLine, ...]


class Replaying(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which past events go out again; what is given must all hold, and something must be."""

    endpoint: EndpointName | UnsetType = UNSET
    event_ids: Annotated[tuple[EventId, ...], Meta(max_length=1000)] = ()
    since: Aware | UnsetType = UNSET
    draft_id: DraftId | UnsetType = UNSET
    types: Annotated[tuple[Annotated[str, Meta(max_length=40)], ...], Meta(max_length=40)] = ()


class Reviving(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters get another life: by number, or all of an endpoint."""

    seqs: Annotated[tuple[Number, ...], Meta(max_length=1000)] = ()
    endpoint: EndpointName | UnsetType = UNSET


class Count(Struct, frozen=True, kw_only=True):
    """How many deliveries that makes."""

    deliveries: int


class Pausing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why an endpoint is not called for now."""

    reason: Line | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class DeliveriesApi:
    """The delivery office, over HTTP."""

    office: DeliveryOffice

    def operations(self) -> tuple[Operation, ...]:
        """Return the operations."""
        read, write = Scope.DELIVERIES_READ, Scope.DELIVERIES_WRITE
        return (
            self._operation(
                "listEndpoints",
                "GET",
                "/endpoints",
                "See how every endpoint stands",
                self.endpoints,
                read,
                Answer(description="All endpoints", type=EndpointList),
            ),
            self._operation(
                "listAttempts",
                "GET",
                "/attempts",
                "Read the log of attempts, newest first",
                self.attempts,
                read,
                Answer(description="A page of attempts", type=AttemptPage),
            ),
            self._operation(
                "listDeadLetters",
                "GET",
                "/dead",
                "List deliveries that wait for a person 死信",
                self.dead,
                read,
                Answer(description="A page of dead letters", type=DeadPage),
            ),
            self._operation(
                "replayEvents",
                "POST",
                "/replay",
                "Send past events again 重放",
                self.replay,
                write,
                Answer(description="Put into the outboxes", type=Count, status=202),
                "not_found",
            ),
            self._operation(
                "reviveDeadLetters",
                "POST",
                "/revive",
                "Give dead letters another life",
                self.revive,
                write,
                Answer(description="Put into the outboxes", type=Count, status=202),
            ),
            self._operation(
                "pauseEndpoint",
                "POST",
                "/endpoints/{name}/pause",
                "Stop calling an endpoint; its events wait in order 暂停",
                self.pause,
                write,
                Answer(description="All endpoints", type=EndpointList),
            ),
            self._operation(
                "resumeEndpoint",
                "POST",
                "/endpoints/{name}/resume",
                "Call an endpoint again, at once 恢复",
                self.resume,
                write,
                Answer(description="All endpoints", type=EndpointList),
            ),
        )

    @staticmethod
    def _operation(
        name: str,
        method: Any,
        path: str,
        summary: str,
        handler: Any,
        scope: Scope,
        answer: Answer,
        *problems: str,
    ) -> Operation:
        return Operation(
            name=name,
            method=method,
            path=f"/api/v1/deliveries{path}",
            summary=summary,
            tag="deliveries",
            handler=handler,
            scope=scope,
            answers=(answer,),
            empty_body=True,
            problems=problems,
        )

    async def endpoints(self, call: Call[Nothing, Nothing, Nothing]) -> Reply:
        """Return how every endpoint stands."""
        return await self._standing()

    async def attempts(self, call: Call[Nothing, AttemptsQuery, Nothing]) -> Reply:
        """Return a page of the attempt log."""
        query = call.query
        found = await self.office.attempts(
            draft_id=_given(query.draft_id),
            event_id=_given(query.event_id),
            endpoint=_given(query.endpoint),
            before=_given(query.before),
            limit=query.limit + 1,
        )
        page = tuple(_line(one) for one in found[: query.limit])
        more = len(found) > query.limit
        document = AttemptPage(attempts=page, next=page[-1].attempt_id if more else None)
        return Reply(body=msgspec.json.encode(document))

    async def dead(self, call: Call[Nothing, DeadQuery, Nothing]) -> Reply:
        """Return a page of dead letters."""
        query = call.query
        found = await self.office.dead_letters(
            endpoint=_given(query.endpoint),
            after=_given(query.after) or 0,
            limit=query.limit + 1,
        )
        page = tuple(
            msgspec.convert(one, LetterLine, from_attributes=True) for one in found[: query.limit]
        )
        more = len(found) > query.limit
        document = DeadPage(letters=page, next=page[-1].seq if more else None)
        return Reply(body=msgspec.json.encode(document))

    async def replay(self, call: Call[Nothing, Nothing, Replaying]) -> Reply:
        """Send past events again."""
        wanted = call.body
        _require_types(wanted.types)
        count = await self.office.replay(
            actor=call.actor,
            endpoint=_given(wanted.endpoint),
            event_ids=wanted.event_ids,
            since=_given(wanted.since),
            draft_id=_given(wanted.draft_id),
            types=wanted.types,
        )
        return Reply(status=202, body=msgspec.json.encode(Count(deliveries=count)))

    async def revive(self, call: Call[Nothing, Nothing, Reviving]) -> Reply:
        """Give dead letters another life."""
        count = await self.office.revive(
            actor=call.actor, seqs=call.body.seqs, endpoint=_given(call.body.endpoint)
        )
        return Reply(status=202, body=msgspec.json.encode(Count(deliveries=count)))

    async def pause(self, call: Call[EndpointPath, Nothing, Pausing]) -> Reply:
        """Pause an endpoint."""
        reason = _given(call.body.reason) or ""
        await self.office.pause(call.path.name, actor=call.actor, reason=reason)
        return await self._standing()

    async def resume(self, call: Call[EndpointPath, Nothing, Nothing]) -> Reply:
        """Resume an endpoint."""
        await self.office.resume(call.path.name, actor=call.actor)
        return await self._standing()

    async def _standing(self) -> Reply:
        found = await self.office.summary()
        lines = tuple(msgspec.convert(one, EndpointLine, from_attributes=True) for one in found)
        document = EndpointList(endpoints=lines)
        return Reply(body=msgspec.json.encode(document))


def _given(value: Any) -> Any:
    return None if value is UNSET else value


def _line(attempt: Attempt) -> AttemptLine:
    return AttemptLine(
        attempt_id=attempt.attempt_id,
        endpoint=attempt.endpoint,
        event_id=attempt.event_id,
        number=attempt.number,
        started=from_us(attempt.started),
        took_ms=attempt.took_us / 1000,
        outcome=attempt.outcome,
        draft_id=attempt.draft_id,
        status=attempt.status,
        error=attempt.error,
        response=attempt.response,
    )


def _require_types(types: Sequence[str]) -> None:
    for pattern in types:
        if not is_pattern(pattern):
            message = f"matches no event; use one of {', '.join(EVENT_TYPES[:3])} …, a family or *"
            raise Problem(
                "invalid",
                f"mend types: {message}",
                errors=[FieldProblem(field="types", message=message)],
            )
