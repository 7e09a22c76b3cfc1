"""Whether an endpoint may be called now, as this process knows it; trouble is shared by its row.

A healthy endpoint costs no write: how fast it is called is each process's own affair. The first
failure, a pause and the one probe of a half-open breaker go through the row.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from gateway.delivery.breaker import (
    Breaker,
    BreakerPolicy,
    BreakerState,
    admit,
    settled,
    succeeded,
)
from gateway.delivery.verdict import Pause, Verdict
from gateway.store import deliveries
from gateway.store.deliveries import EndpointRow
from gateway.store.times import to_us

_DECODE = msgspec.json.Decoder(Breaker).decode
_CLAIM_PAUSE_S = 0.02
READY_PER_CALL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an endpoint stands: paused by whom or what, and its breaker."""

    paused: str | None = None
    breaker: Breaker = field(default_factory=Breaker)


def standing_of(row: EndpointRow) -> Standing:
    """Return how an endpoint stands by its row.

    A breaker that another version of the gateway wrote and this one cannot read begins anew.
    """
    breaker = Breaker()
    if row.breaker is not None:
        with suppress(msgspec.DecodeError):
            breaker = _DECODE(row.breaker)
    return Standing(paused=row.paused, breaker=breaker)


def at_rest(breaker: Breaker) -> bool:
    """Tell whether a breaker has nothing to share: closed, and no trouble remembered."""
    return (
        breaker.state is BreakerState.CLOSED
        and not (breaker.failures or breaker.openings)
        and breaker.not_before is None
        and breaker.reason is None
    )


class Gate:
    """The gate before one endpoint in this process."""

    def __init__(self, endpoint: str, policy: BreakerPolicy) -> None:
        self.endpoint = endpoint
        self.policy = policy
        self.standing = Standing()
        self.version = 0
        self._claimed_at = float("-inf")

    @property
    def is_easy(self) -> bool:
        """Tell whether the endpoint is well, so that a success changes nothing that is shared."""
        return self.standing.paused is None and at_rest(self.standing.breaker)

    @property
    def width(self) -> int:
        """How many calls may be under way at once."""
        return int(self.standing.breaker.window)

    @property
    def is_open(self) -> bool:
        """Tell whether calls may be made without asking."""
        closed = self.standing.breaker.state is BreakerState.CLOSED
        return self.standing.paused is None and closed

    def room(self, *, now: datetime, monotonic: float, in_hand: int) -> int:
        """Return how many more deliveries may be claimed while ``in_hand`` are claimed.

        A few more than are called at a time, so that reading and settling happen in groups. And
        claims are grouped: until half of that is free, the next one waits a moment, since every
        claim is a transaction.
        """
        breaker = self.standing.breaker
        if self.standing.paused is not None:
            return 0
        if breaker.state is not BreakerState.CLOSED:
            # Only a look: the probe itself is taken in the row, before it is made.
            may_probe = admit(breaker, now=now, under_way=in_hand, policy=self.policy)[1]
            return 1 if may_probe and not in_hand else 0
        if breaker.not_before is not None and now < breaker.not_before:
            return 0
        most = int(breaker.window) * READY_PER_CALL
        free = most - in_hand
        if free < most / 2 and monotonic - self._claimed_at < _CLAIM_PAUSE_S:
            return 0
        self._claimed_at = monotonic
        return max(free, 0)

    def went_well(self) -> None:
        """Count a success that is nobody else's business: a little faster from now on."""
        if self.standing.breaker.window >= self.policy.most_at_once:
            return
        faster = succeeded(self.standing.breaker, policy=self.policy)
        self.standing = replace(self.standing, breaker=faster)

    def settle(self, connection: Connection, verdict: Verdict, *, now: datetime) -> Standing:
        """Return how the endpoint stands after a judged attempt, stored if that changed it.

        Adopt the result once it is committed.
        """
        row = deliveries.hold_endpoint(connection, self.endpoint)
        before = self._with_own_window(standing_of(row))
        after = settled(before.breaker, verdict, now=now, policy=self.policy)
        paused = before.paused
        if isinstance(verdict, Pause) and paused is None:
            paused = verdict.reason
        return self._kept(connection, row, Standing(paused=paused, breaker=after), now)

    def ask(self, connection: Connection, *, now: datetime) -> tuple[Standing, bool]:
        """Ask to call an endpoint that is in trouble; a yes may have taken its one probe.

        Adopt the standing once it is committed, and only then call.
        """
        row = deliveries.hold_endpoint(connection, self.endpoint)
        before = self._with_own_window(standing_of(row))
        if before.paused is not None:
            return before, False
        after, admitted = admit(before.breaker, now=now, under_way=0, policy=self.policy)
        return self._kept(connection, row, replace(before, breaker=after), now), admitted

    def adopt(self, standing: Standing) -> None:
        """Take over how the endpoint stands after our own committed change."""
        self.standing = standing
        self.version += 1

    def heard(self, row: EndpointRow) -> None:
        """Take over what another process (or a person) has written; our own speed stays ours."""
        self.adopt(self._with_own_window(standing_of(row)))

    def _kept(
        self, connection: Connection, row: EndpointRow, standing: Standing, now: datetime
    ) -> Standing:
        quiet = at_rest(standing.breaker)
        document = None if quiet else msgspec.json.encode(standing.breaker).decode()
        after = EndpointRow(name=self.endpoint, paused=standing.paused, breaker=document)
        if after != row:
            deliveries.keep_endpoint(connection, after, now=to_us(now))
        return standing

    def _with_own_window(self, standing: Standing) -> Standing:
        ours, theirs = self.standing.breaker, standing.breaker
        if not ours.state is theirs.state is BreakerState.CLOSED:
            return standing
        return replace(standing, breaker=replace(theirs, window=ours.window))
