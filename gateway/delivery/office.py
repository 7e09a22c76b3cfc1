"""What people do about deliveries: look, replay, revive dead letters, pause and resume."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from gateway.config import Endpoint
from gateway.delivery.courier import standing_news
from gateway.delivery.gate import standing_of
from gateway.delivery.wiring import subscription
from gateway.domain.errors import GatewayError
from gateway.domain.ids import Clock
from gateway.store import audit, deliveries, feed, work
from gateway.store.beside import Beside
from gateway.store.deliveries import Attempt
from gateway.store.errors import NotFound
from gateway.store.times import from_us, to_us
from gateway.store.wakeup import Wakeup
from gateway.store.work import Work, WorkState

_REVIVE_PAGE = 500
_DELIVER = "deliver:"


class BadRequest(GatewayError):
    """What was asked for makes no sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A delivery that waits for a person; ``held`` also stops what comes after it.

    For the gateway's own work ``endpoint`` is ``gateway:`` and its queue, and there is no event.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSummary:
    """How an endpoint stands, for people.

    ``configured`` is false for one that still has deliveries but left the configuration.
    """

    name: str
    configured: bool
    pending: int
    dead: int
    held: int
    paused: str | None
    breaker: str
    reason: str | None
    retry_at: datetime | None
    last_success: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOffice:
    """Operations on deliveries; every change is in the audit trail under ``actor``."""

    store: Beside
    clock: Clock
    wakeup: Wakeup
    endpoints: tuple[Endpoint, ...]

    async def attempts(
        self,
        *,
        draft_id: str | None = None,
        event_id: str | None = None,
        endpoint: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Attempt]:
        """Return attempts, newest first; what is given must all hold.

        ``before`` is the ``attempt_id`` the last page ended with.
        """
        return await self.store.read(
            lambda connection: deliveries.attempts(
                connection,
                draft_id=draft_id,
                event_id=event_id,
                endpoint=endpoint,
                before=before,
                limit=limit,
            )
        )

    async def dead_letters(
        self, *, endpoint: str | None = None, after: int = 0, limit: int = 100
    ) -> list[DeadLetter]:
        """Return dead and held deliveries, oldest first; ``after`` is the last page's last seq.

        Without an endpoint also what the gateway gave up of its own work: a contact that could not
        become a draft must not be out of everybody's sight.
        """
        queue = None if endpoint is None else _queue(endpoint)
        found = await self.store.read(
            lambda connection: work.stopped(connection, queue=queue, after=after, limit=limit)
        )
        return [_dead_letter(one) for one in found]

    async def replay(
        self,
        *,
        actor: str,
        endpoint: str | None = None,
        event_ids: Sequence[str] = (),
        since: datetime | None = None,
        draft_id: str | None = None,
        types: Sequence[str] = (),
    ) -> int:
        """Send past events again, in order, and return how many deliveries that makes.

        To one endpoint, or to every one; only what the endpoint is subscribed to. What is given
        must all hold, and something must be. Raises ``BadRequest`` and ``NotFound``.
        """
        if not (event_ids or since or draft_id or types):
            raise BadRequest(
                "a replay of everything was asked for", "name events, a draft, types or a time"
            )
        chosen = [self._configured(endpoint)] if endpoint else list(self.endpoints)
        wanted = {
            "events": list(event_ids),
            "since": since.isoformat() if since else None,
            "draft_id": draft_id,
            "types": list(types),
        }

        count = 0
        for one in chosen:
            again = await self._replay(
                one,
                event_ids=event_ids,
                since=to_us(since) if since else None,
                draft_id=draft_id,
                patterns=types or ("*",),
            )
            if again:
                detail = {name: value for name, value in wanted.items() if value}
                await self._note(actor, "delivery.replayed", one.name, count=again, **detail)
            count += again
        return count

    async def _replay(self, endpoint: Endpoint, **chosen: Any) -> int:
        """Replay to one endpoint, step by step so that nobody waits long for the store."""
        now = to_us(self.clock.now())
        count, cursor = 0, 0
        while True:
            replay = partial(
                feed.replay,
                subscription=subscription(endpoint),
                now=now,
                cursor=cursor,
                **chosen,
            )
            again, further = await self.store.write(replay)
            self._wake([endpoint.name])
            count += again
            if further is None:
                return count
            cursor = further

    async def revive(
        self, *, actor: str, seqs: Sequence[int] = (), endpoint: str | None = None
    ) -> int:
        """Give dead letters another life: the named ones, or all of an endpoint; return how many.

        Raises ``BadRequest`` when neither is given.
        """
        if not seqs and endpoint is None:
            raise BadRequest("no dead letters were named", "give their numbers or an endpoint")
        if endpoint is not None:
            return await self._revive_all(actor, endpoint, set(seqs))
        return await self._revive(actor, "", list(seqs))

    async def _revive_all(self, actor: str, endpoint: str, only: set[int]) -> int:
        count, after = 0, 0
        while page := await self.dead_letters(endpoint=endpoint, after=after, limit=_REVIVE_PAGE):
            after = page[-1].seq
            seqs = [one.seq for one in page if not only or one.seq in only]
            count += await self._revive(actor, endpoint, seqs)
        return count

    async def _revive(self, actor: str, endpoint: str, seqs: Sequence[int]) -> int:
        now = to_us(self.clock.now())

        def revive(connection: Connection) -> int:
            count = work.revive(connection, seqs, now=now)
            if count:
                self._audit(connection, actor, "delivery.revived", endpoint, count=count)
            return count

        count = await self.store.write(revive) if seqs else 0
        self._wake([endpoint] if endpoint else [one.name for one in self.endpoints])
        return count

    async def pause(self, endpoint: str, *, actor: str, reason: str) -> None:
        """Stop calling an endpoint; its events wait in order. Raises ``NotFound``."""
        await self._set_paused(endpoint, actor, reason or "paused by a person", "endpoint.paused")

    async def resume(self, endpoint: str, *, actor: str) -> None:
        """Call an endpoint again, at once and with a fresh breaker. Raises ``NotFound``."""
        await self._set_paused(endpoint, actor, None, "endpoint.resumed")

    async def _set_paused(self, endpoint: str, actor: str, reason: str | None, action: str) -> None:
        self._configured(endpoint)
        now = to_us(self.clock.now())

        def change(connection: Connection) -> None:
            before = deliveries.hold_endpoint(connection, endpoint)
            breaker = None if reason is None else before.breaker
            after = replace(before, paused=reason, breaker=breaker)
            deliveries.keep_endpoint(connection, after, now=now)
            self._audit(connection, actor, action, endpoint, reason=reason or before.paused)

        await self.store.write(change)
        self.wakeup.notify(standing_news(endpoint))

    async def summary(self) -> list[EndpointSummary]:
        """Return how every endpoint stands, also those that only have deliveries left."""
        names = await self._names()
        return await self.store.read(
            lambda connection: [self._summary(connection, name) for name in names]
        )

    def _summary(self, connection: Connection, name: str) -> EndpointSummary:
        depth = deliveries.depth(connection, _queue(name))
        standing = standing_of(deliveries.endpoint_row(connection, name))
        last = deliveries.last_success(connection, name)
        return EndpointSummary(
            name=name,
            configured=any(one.name == name for one in self.endpoints),
            pending=depth.get(WorkState.READY, 0) + depth.get(WorkState.CLAIMED, 0),
            dead=depth.get(WorkState.DEAD, 0),
            held=depth.get(WorkState.HELD, 0),
            paused=standing.paused,
            breaker=standing.breaker.state.value,
            reason=standing.breaker.reason,
            retry_at=standing.breaker.retry_at or standing.breaker.not_before,
            last_success=None if last is None else from_us(last),
        )

    async def _names(self) -> list[str]:
        configured = [one.name for one in self.endpoints]
        stored = await self.store.read(deliveries.endpoints_with_work)
        return [*configured, *(name for name in stored if name not in configured)]

    def _configured(self, name: str) -> Endpoint:
        for one in self.endpoints:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.endpoints) or "none"
        raise NotFound(f"there is no endpoint {name}", f"configured are: {known}")

    async def _note(self, actor: str, action: str, subject: str, **detail: Any) -> None:
        await self.store.write(
            lambda connection: self._audit(connection, actor, action, subject, **detail)
        )

    def _audit(
        self, connection: Connection, actor: str, action: str, subject: str, **detail: Any
    ) -> None:
        at = to_us(self.clock.now())
        audit.write(connection, at=at, actor=actor, action=action, subject=subject, detail=detail)

    def _wake(self, names: Iterable[str]) -> None:
        for name in names:
            self.wakeup.notify(_queue(name))


def _queue(endpoint: str) -> str:
    return f"{_DELIVER}{endpoint}"


def _endpoint(queue: str) -> str:
    name = queue.removeprefix(_DELIVER)
    return name if name != queue else f"gateway:{queue}"


def _dead_letter(one: Work) -> DeadLetter:
    return DeadLetter(
        seq=one.seq,
        endpoint=_endpoint(one.queue),
        event_id=str(one.payload.get("event", "")),
        type=str(one.payload.get("type", "")),
        subject=one.subject,
        held=one.state is WorkState.HELD,
        attempts=one.attempts,
        error=one.error or "",
        created=from_us(one.created),
    )
