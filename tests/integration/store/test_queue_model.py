"""The queue against a model of thirty lines: any sequence of moves, the same answer and state."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection

from gateway.store import work
from gateway.store.engine import Store
from gateway.store.opening import open_store
from gateway.store.work import Fenced, Work
from tests.integration.store.samples import job, new_id

READY, CLAIMED, HELD, DEAD = range(4)
MAX_CLAIMS = 2
LEASE = 3
TABLE = "SELECT payload, lane, state, claim_id, due, claims, attempts, head FROM work ORDER BY seq"


@dataclass
class Piece:
    """What the model knows of a piece of work; its place in the list is its place in the queue."""

    name: str
    lane: str | None
    due: int
    state: int = READY
    claim_id: str | None = None
    lease: int = 0
    claims: int = 0
    attempts: int = 0


class Oracle:
    """The queue as one would explain it."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []

    def is_head(self, one: Piece) -> bool:
        rivals = [p for p in self.pieces if p.lane == one.lane is not None and p.state != DEAD]
        return one.state != DEAD and (not rivals or rivals[0] is one)

    def claim(self, now: int, limit: int, claim_id: str) -> list[str]:
        open_ = [p for p in self.pieces if p.state == READY and p.due <= now and self.is_head(p)]
        taken = sorted(open_, key=lambda p: p.due)[:limit]
        for one in taken:
            one.state, one.claim_id, one.lease = CLAIMED, claim_id, now + LEASE
            one.claims += 1
        return [one.name for one in taken]

    def ours(self, name: str, claim_id: str | None) -> Piece | None:
        found = [p for p in self.pieces if p.name == name and p.claim_id == claim_id]
        return found[0] if found else None

    def put_back(self, one: Piece, due: int, tried: int) -> None:
        one.state, one.claim_id, one.due, one.claims = READY, None, due, 0
        one.attempts += tried

    def stop(self, one: Piece, state: int) -> None:
        one.state, one.claim_id = state, None
        one.attempts += 1

    def rescue(self, now: int) -> set[str]:
        expired = [p for p in self.pieces if p.state == CLAIMED and p.lease < now]
        for one in expired:
            if one.claims >= MAX_CLAIMS:
                self.stop(one, DEAD)
            else:
                one.state, one.claim_id, one.due = READY, None, now
        return {one.name for one in expired}

    def revive(self, now: int) -> int:
        stopped = [p for p in self.pieces if p.state >= HELD]
        for one in stopped:
            if one.state == DEAD:
                self.pieces.remove(one)
                self.pieces.append(Piece(one.name, one.lane, now))
            else:
                one.state, one.due, one.claims = READY, now, 0
        return len(stopped)


class QueueMachine(RuleBasedStateMachine):
    """Every rule does the same to both and compares the answers."""

    runner: asyncio.Runner
    store: Store

    claimed = Bundle("claimed")

    def __init__(self) -> None:
        super().__init__()
        self.oracle = Oracle()
        self.now = 1_000
        self.count = 0
        self.write(lambda connection: connection.exec_driver_sql("DELETE FROM work"))

    def write(self, operation: Callable[[Connection], Any]) -> Any:
        return self.runner.run(self.store.write(operation))

    def settle(self, one: Work, operation: Callable[[Connection], None]) -> Piece | None:
        """Try to settle a claim; it is fenced exactly when the model says it is not ours."""
        piece = self.oracle.ours(one.payload["name"], one.claim_id)
        if piece is None:
            with pytest.raises(Fenced):
                self.write(operation)
        else:
            self.write(operation)
        return piece

    @rule(lane=st.sampled_from([None, "a", "b"]), delay=st.integers(-1, 3))
    def enqueue(self, lane: str | None, delay: int) -> None:
        self.count += 1
        name, due = str(self.count), self.now + delay
        self.write(lambda c: work.enqueue(c, [job(name, lane=lane, due=due)]))
        self.oracle.pieces.append(Piece(name, lane, due))

    @rule(seconds=st.integers(1, LEASE))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(target=claimed, limit=st.integers(1, 3))
    def claim(self, limit: int) -> Any:
        claim_id = new_id()
        works = self.write(
            lambda c: work.claim(
                c, queue="q", limit=limit, now=self.now, lease=self.now + LEASE, claim_id=claim_id
            )
        )
        expected = self.oracle.claim(self.now, limit, claim_id)
        assert [one.payload["name"] for one in works] == expected
        return multiple(*works)

    @rule(one=claimed)
    def complete(self, one: Work) -> None:
        piece = self.settle(one, lambda c: work.complete(c, one))
        if piece is not None:
            self.oracle.pieces.remove(piece)

    @rule(ones=st.lists(claimed, min_size=1, max_size=3, unique_by=lambda one: one.seq))
    def complete_together(self, ones: list[Work]) -> None:
        pieces = [self.oracle.ours(one.payload["name"], one.claim_id) for one in ones]
        if None in pieces:
            with pytest.raises(Fenced):
                self.write(lambda c: work.complete_batched(c, ones))
            return
        self.write(lambda c: work.complete_batched(c, ones))
        for piece in pieces:
            assert piece is not None
            self.oracle.pieces.remove(piece)

    @rule(one=claimed, delay=st.integers(0, 5), tried=st.booleans())
    def retry(self, one: Work, delay: int, tried: bool) -> None:
        due = self.now + delay
        piece = self.settle(one, lambda c: work.retry(c, one, due=due, error="e", tried=tried))
        if piece is not None:
            self.oracle.put_back(piece, due, int(tried))

    @rule(one=claimed)
    def bury(self, one: Work) -> None:
        piece = self.settle(one, lambda c: work.bury(c, one, error="e"))
        if piece is not None:
            self.oracle.stop(piece, DEAD)

    @rule(one=claimed)
    def hold(self, one: Work) -> None:
        piece = self.settle(one, lambda c: work.hold(c, one, error="e"))
        if piece is not None:
            self.oracle.stop(piece, HELD)

    @rule(one=claimed)
    def extend(self, one: Work) -> None:
        lease = self.now + LEASE
        piece = self.oracle.ours(one.payload["name"], one.claim_id)
        kept = self.write(lambda c: work.extend(c, [one], lease=lease))
        assert kept == ([] if piece is None else [one])
        if piece is not None:
            piece.lease = lease

    @rule()
    def rescue(self) -> None:
        taken = self.write(lambda c: work.rescue(c, now=self.now, max_claims=MAX_CLAIMS))
        assert {one.payload["name"] for one in taken} == self.oracle.rescue(self.now)

    @rule(limit=st.integers(1, 3))
    def lose_the_worker(self, limit: int) -> None:
        self.claim(limit)
        self.now += LEASE + 1
        self.rescue()

    @rule()
    def revive(self) -> None:
        def revive_all(connection: Connection) -> int:
            seqs = [one.seq for one in work.stopped(connection)]
            return work.revive(connection, seqs, now=self.now)

        assert self.write(revive_all) == self.oracle.revive(self.now)

    @invariant()
    def the_table_is_what_the_model_says(self) -> None:
        def rows(connection: Connection) -> list[tuple[Any, ...]]:
            found = connection.exec_driver_sql(TABLE)
            return [(*row[:-1], bool(row[-1])) for row in found]

        assert self.runner.run(self.store.read(rows)) == [
            (
                f'{{"name":"{one.name}"}}',
                one.lane,
                one.state,
                one.claim_id,
                one.due,
                one.claims,
                one.attempts,
                self.oracle.is_head(one),
            )
            for one in self.oracle.pieces
        ]


def test_the_queue_does_what_the_model_does(store_url: str) -> None:
    with asyncio.Runner() as runner_:
        store_ = runner_.run(open_store(store_url))

        class Machine(QueueMachine):
            runner = runner_
            store = store_

        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=60,
                    stateful_step_count=40,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner_.run(store_.close())
