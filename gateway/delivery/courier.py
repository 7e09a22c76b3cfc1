"""Brings events to one endpoint: signed, in order, and every attempt with its consequences kept."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from msgspec import structs

from gateway.channel.errors import StoreBusy
from gateway.channel.http import EgressError, EgressReply, HttpClient
from gateway.channel.http import Limits as HttpLimits
from gateway.config import Endpoint
from gateway.delivery import forwarding
from gateway.delivery.answer import opened_case
from gateway.delivery.breaker import BreakerPolicy, BreakerState
from gateway.delivery.crew import Crew
from gateway.delivery.forwarding import FORWARD_EVENT
from gateway.delivery.gate import Gate, Standing
from gateway.delivery.keyring import signing_keys
from gateway.delivery.letter import compose
from gateway.delivery.schedule import RetrySchedule, standard_schedule
from gateway.delivery.settling import Settler, patiently
from gateway.delivery.signing import BadSecret
from gateway.delivery.verdict import HELD_WAIT, Dead, Delivered, Pause, Retry, Verdict, judge
from gateway.store import audit, deliveries, work
from gateway.store.deliveries import Attempt, Delivery, Outcome, Settled
from gateway.store.feed import Subscription, Told
from gateway.store.holding import GiveUp, Holding, Pace, Postpone
from gateway.store.ledger import Ledger, Ledgers, draft_lock
from gateway.store.steps import Reach, no_step
from gateway.store.times import to_us
from gateway.store.work import Work

RESPONSE_LIMIT = 16 * 1024
"""The most of an answer that is kept in the attempt log, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The site's terms of delivery.

    ``forwarding`` names the endpoints that must all acknowledge a draft. ``source`` is what
    CloudEvents call this gateway.
    """

    forwarding: frozenset[str]
    source: str = "hotline-gateway"
    schedule: RetrySchedule = field(default_factory=standard_schedule)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    chance: Callable[[], float] = random.random


class Courier:
    """Delivers to one endpoint until it is stopped; one queue, one gate, its own crew.

    Raises ``BadSecret`` when a configured secret cannot be a key.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        subscription: Subscription,
        *,
        terms: Terms,
        ledgers: Ledgers,
        http: HttpClient,
        note: Callable[..., None],
        pace: Pace,
        reach: Reach = no_step,
    ) -> None:
        self.endpoint = endpoint
        self.gate = Gate(endpoint.name, terms.breaker)
        self._terms = terms
        self._ledgers = ledgers
        self._clock = ledgers.clock
        self._http = http
        self._note = note
        self._reach = reach
        self._actor = f"endpoint:{endpoint.name}"
        self._keys = signing_keys(endpoint)
        self._source = terms.source if endpoint.cloudevents else None
        self._limits = HttpLimits(total_s=endpoint.timeout)
        self._strict = endpoint.order == "strict"
        self._look_s = pace.poll_s
        self._settler = Settler(ledgers.store, done=self._settled, failed=self._unsettled)
        self._crew = Crew(self._bring, width=lambda: self.gate.width, rest=self._settler.flush)
        self._afterwards: set[asyncio.Task[None]] = set()
        self._holding = Holding(
            store=ledgers.store,
            queue=subscription.queue,
            claim=deliveries.claim,
            begin=self._crew.add,
            room=self._room,
            clock=ledgers.clock,
            ids=ledgers.ids,
            wakeup=ledgers.wakeup,
            note=note,
            # An attempt too many here would bury what the schedule still wants to try.
            pace=replace(pace, max_attempts=len(terms.schedule.waits) + 1),
        )

    async def run(self) -> None:
        """Deliver until ``stop``; what is in hand then is finished first."""
        await self._look()
        watch = asyncio.create_task(self._watch())
        try:
            await self._holding.run()
        finally:
            await self._crew.dismiss()
            for task in (watch, *self._afterwards):
                task.cancel()
            await asyncio.gather(watch, *self._afterwards, return_exceptions=True)

    def stop(self) -> None:
        """Begin nothing more."""
        self._holding.stop()

    async def _bring(self, one: Delivery) -> None:
        """Make one attempt at one delivery; what follows from it is not waited for."""
        try:
            told = one.told
            if told is None:
                raise GiveUp(f"event {one.payload.get('event')} is not in the feed any more")
            await self._enter()
            started, clock = self._clock.now(), self._clock.monotonic()
            outcome = await self._post(told, started)
            took_us = round((self._clock.monotonic() - clock) * 1_000_000)
            self._reach("delivery.after_post")
            if isinstance(outcome, Retry):
                verdict: Verdict = outcome
            else:
                verdict = judge(outcome, now=self._clock.now())
            attempt = self._attempt(one, told, started, took_us, outcome, verdict)
        except Exception as error:
            self._follow(self._holding.failed(one, error))
            return
        if isinstance(verdict, Delivered) and self.gate.is_easy and not self._forwards(told):
            self.gate.went_well()
            self._settler.add(Settled(attempt=attempt, work=one))
        else:
            self._follow(self._settle_alone(one, told, attempt, verdict, outcome))

    def _follow(self, what: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(what)
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)

    async def _settle_alone(
        self,
        one: Delivery,
        told: Told,
        attempt: Attempt,
        verdict: Verdict,
        outcome: EgressReply | EgressError | Retry,
    ) -> None:
        try:
            attempt = await self._settle(one, told, attempt, verdict, outcome)
        except Exception as error:
            await self._holding.failed(one, error)
        else:
            self._settled(Settled(attempt=attempt, work=one))

    def _settled(self, item: Settled) -> None:
        self._note(
            "delivery.attempt", endpoint=self.endpoint.name, outcome=item.attempt.outcome.value
        )
        self._holding.done(item.work)

    def _unsettled(self, item: Settled, error: Exception) -> None:
        self._follow(self._holding.failed(item.work, error))

    def _forwards(self, told: Told) -> bool:
        return self.endpoint.forwards and told.type == FORWARD_EVENT and told.draft_id is not None

    async def _post(self, told: Told, at: datetime) -> EgressReply | EgressError | Retry:
        try:
            letter = compose(told, secrets=self._keys, sent_at=at, source=self._source)
        except BadSecret as error:
            # Ours to cure: an unsigned event never leaves, and nobody loses it by that.
            return Retry(
                reason=str(error), at_least=HELD_WAIT, charge_endpoint=False, uses_schedule=False
            )
        try:
            return await self._http.request(
                "POST",
                self.endpoint.url,
                headers=letter.headers,
                body=letter.body,
                limits=self._limits,
                allow=self.endpoint.allow,
            )
        except EgressError as error:
            return error

    def _attempt(
        self,
        one: Work,
        told: Told,
        started: datetime,
        took_us: int,
        outcome: EgressReply | EgressError | Retry,
        verdict: Verdict,
    ) -> Attempt:
        reply = outcome if isinstance(outcome, EgressReply) else None
        return Attempt(
            endpoint=self.endpoint.name,
            event_id=told.event_id,
            draft_id=told.draft_id,
            number=one.attempts + 1,
            started=to_us(started),
            took_us=took_us,
            outcome=_outcome(verdict),
            status=None if reply is None else reply.status,
            error=None if isinstance(verdict, Delivered) else verdict.reason,
            response=None if reply is None else _readable(reply.body),
        )

    async def _settle(
        self,
        one: Work,
        told: Told,
        attempt: Attempt,
        verdict: Verdict,
        outcome: EgressReply | EgressError | Retry,
    ) -> Attempt:
        """Keep an attempt and everything that follows from it in one transaction."""
        now = self._clock.now()
        next_wait = self._next_wait(one, verdict)
        gives_up = isinstance(verdict, Retry | Dead) and next_wait is None
        if gives_up:
            attempt = structs.replace(attempt, outcome=Outcome.DEAD)
        was = self.gate.standing

        def settle(ledger: Ledger) -> tuple[Standing, bool]:
            deliveries.record(ledger.connection, [attempt])
            standing = self.gate.settle(ledger.connection, verdict, now=now)
            lost = False
            match verdict:
                # The draft before its lane, as everybody takes them: else two transactions could
                # wait for each other.
                case Delivered():
                    if self._forwards(told) and isinstance(outcome, EgressReply):
                        self._forward(ledger, told, outcome)
                    work.complete(ledger.connection, one)
                case Pause(reason=reason):
                    self._note_pause(ledger, reason)
                    work.retry(ledger.connection, one, due=one.due, error=reason, tried=False)
                case Retry(reason=reason) if next_wait is not None:
                    due = to_us(now + next_wait)
                    tried = verdict.uses_schedule
                    work.retry(ledger.connection, one, due=due, error=reason, tried=tried)
                case Retry(reason=reason) | Dead(reason=reason):
                    if self._forwards(told):
                        lost = forwarding.failed(
                            ledger,
                            str(told.draft_id),
                            backend=self.endpoint.name,
                            reason=reason,
                        )
                    self._stop_work(ledger, one, reason)
                case _:
                    work.hold(ledger.connection, one, error=verdict.reason)
            return standing, lost

        standing, lost = await self._commit(settle, told)
        self.gate.adopt(standing)
        self._tell(was, standing, told, gives_up=gives_up, lost=lost)
        return attempt

    async def _commit(
        self, settle: Callable[[Ledger], tuple[Standing, bool]], told: Told
    ) -> tuple[Standing, bool]:
        locks = (draft_lock(told.draft_id),) if told.draft_id and self._forwards(told) else ()
        return await patiently(partial(self._ledgers.write, self._actor, settle, locks=locks))

    def _next_wait(self, one: Work, verdict: Verdict) -> timedelta | None:
        """Return the wait before the next attempt; None when there is none."""
        if not isinstance(verdict, Retry):
            return None
        if not verdict.uses_schedule:
            return verdict.at_least or HELD_WAIT
        return self._terms.schedule.next_wait(
            one.attempts + 1, at_least=verdict.at_least, chance=self._terms.chance
        )

    def _stop_work(self, ledger: Ledger, one: Work, reason: str) -> None:
        # In a strict order nothing may overtake: the lane waits for a person.
        stop = work.hold if self._strict else work.bury
        stop(ledger.connection, one, error=reason)

    def _forward(self, ledger: Ledger, told: Told, reply: EgressReply) -> None:
        draft_id = str(told.draft_id)
        case = opened_case(reply, called=self.endpoint.url, fallback=draft_id)
        forwarding.acknowledged(
            ledger,
            draft_id,
            backend=self.endpoint.name,
            case=case,
            forwarding=self._terms.forwarding,
        )

    def _note_pause(self, ledger: Ledger, reason: str) -> None:
        audit.write(
            ledger.connection,
            at=to_us(ledger.now),
            actor=self._actor,
            action="endpoint.paused",
            subject=self.endpoint.name,
            detail={"reason": reason},
        )

    def _tell(
        self, was: Standing, now: Standing, told: Told, *, gives_up: bool, lost: bool
    ) -> None:
        name = self.endpoint.name
        if now.paused is not None and was.paused is None:
            self._note("endpoint.paused", endpoint=name, why=now.paused)
        if now.breaker.state is not was.breaker.state and (
            BreakerState.OPEN in {now.breaker.state, was.breaker.state}
            or now.breaker.state is BreakerState.CLOSED
        ):
            why = now.breaker.reason or ""
            self._note("endpoint.breaker", endpoint=name, state=now.breaker.state.value, why=why)
        if gives_up:
            self._note("delivery.dead", endpoint=name, event=told.event_id)
        if lost:
            self._note("draft.forward_failed", endpoint=name, draft=told.draft_id)

    async def _enter(self) -> None:
        """Pass the gate; raises ``Postpone`` without using up an attempt when it is shut."""
        if self.gate.is_open:
            return
        now = self._clock.now()
        standing, admitted = await self._ledgers.store.write(
            lambda connection: self.gate.ask(connection, now=now)
        )
        self.gate.adopt(standing)
        if not admitted:
            # Due as before: from here on it is the gate that holds it back.
            raise Postpone("the endpoint is not called now", until=now, tried=False)

    def _room(self, held: int) -> int:
        return self.gate.room(
            now=self._clock.now(), monotonic=self._clock.monotonic(), in_hand=held
        )

    async def _watch(self) -> None:
        """Follow what other processes and people do to the endpoint."""
        while True:
            await self._ledgers.wakeup.wait(standing_news(self.endpoint.name), self._look_s)
            try:
                await self._look()
            except StoreBusy as error:
                self._note("worker.store_busy", queue=self._holding.queue, why=error.message)
            except Exception as error:  # the next look must come whatever this one met
                why = f"unexpected {type(error).__name__}"
                self._note("worker.failed", queue=self._holding.queue, why=why, error=error)

    async def _look(self) -> None:
        version, name = self.gate.version, self.endpoint.name
        row = await self._ledgers.store.read(
            lambda connection: deliveries.endpoint_row(connection, name)
        )
        if self.gate.version == version:  # else what was read is older than what we know
            was = self.gate.standing
            self.gate.heard(row)
            if self.gate.standing != was:
                self._ledgers.wakeup.notify(self._holding.queue)


def standing_news(endpoint: str) -> str:
    """Return the name of the wake-up that tells of a paused or resumed endpoint."""
    return f"endpoint:{endpoint}"


def _outcome(verdict: Verdict) -> Outcome:
    match verdict:
        case Delivered():
            return Outcome.DELIVERED
        case Retry(uses_schedule=uses_schedule):
            return Outcome.RETRY if uses_schedule else Outcome.HELD
        case Dead():
            return Outcome.DEAD
        case Pause():
            return Outcome.PAUSED
        case _:
            return Outcome.UNKNOWN


def _readable(body: bytes) -> str:
    """Return the start of an answer as text that every database takes."""
    return (
        body[:RESPONSE_LIMIT].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
