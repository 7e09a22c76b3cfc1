"""One transaction's worth of changes to drafts: each becomes a revision and a feed event.

Everything that changes a draft goes through here, so no revision exists without its event and no
event without its place in every endpoint's outbox.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection

from gateway.domain.draft import WorkOrderDraft
from gateway.domain.feed import FeedEvent
from gateway.domain.ids import Clock, Ids, event_id
from gateway.domain.lifecycle import event_type, require_move
from gateway.store import drafts, feed
from gateway.store.correspondence import REPLY_QUEUE
from gateway.store.drafts import Filed, Filing
from gateway.store.engine import Store
from gateway.store.errors import RevisionConflict
from gateway.store.feed import Subscription
from gateway.store.wakeup import Wakeup

R = TypeVar("R")

_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledgers:
    """Opens a ledger in each transaction; knows who is subscribed and whom to wake."""

    store: Store
    clock: Clock
    ids: Ids
    wakeup: Wakeup
    subscriptions: tuple[Subscription, ...] = ()

    async def write(
        self, actor: str, operation: Callable[["Ledger"], R], *, locks: Sequence[str] = ()
    ) -> R:
        """Run one operation in its own transaction and wake whoever has work from it.

        ``locks`` as in ``Store.write``; name ``draft_lock(id)`` for every draft that is changed.
        The operation reads what it changes, so it is simply run again when somebody else was
        faster.
        """

        def run(connection: Connection) -> R:
            with self.open(connection, actor) as ledger:
                return operation(ledger)

        for _ in range(_TRIES - 1):
            try:
                result = await self.store.write(run, locks=locks)
            except RevisionConflict:
                continue
            break
        else:
            result = await self.store.write(run, locks=locks)
        self.wake()
        return result

    @contextmanager
    def open(self, connection: Connection, actor: str) -> Iterator["Ledger"]:
        """Collect changes made by ``actor`` and publish their events at the end."""
        ledger = Ledger(connection, self, actor)
        yield ledger
        feed.publish(connection, ledger.events, self.subscriptions)

    def wake(self) -> None:
        """Tell the workers that committed changes may have left them work."""
        for queue in (REPLY_QUEUE, *(one.queue for one in self.subscriptions)):
            self.wakeup.notify(queue)


def draft_lock(draft_id: str) -> str:
    """Return the name under which changes to one draft take turns."""
    return f"draft:{draft_id}"


class Ledger:
    """The changes of one transaction."""

    def __init__(self, connection: Connection, ledgers: Ledgers, actor: str) -> None:
        self.connection = connection
        self.actor = actor
        self.now = ledgers.clock.now()
        self.events: list[FeedEvent] = []
        self._ids = ledgers.ids

    def new_id(self) -> str:
        """Return a fresh id."""
        return self._ids.new()

    def create(self, draft: WorkOrderDraft, filing: Filing) -> Filed:
        """Store a new draft and tell of it."""
        drafts.create(self.connection, draft, filing, actor=self.actor)
        self.tell(event_type(None, draft.state), draft, changed=("*",))
        return Filed(draft=draft, filing=filing)

    def revise(self, filed: Filed, after: WorkOrderDraft, *, seal_at: int | None = None) -> Filed:
        """Store ``after`` as the next revision, tell of it, and return it as filed.

        Returns ``filed`` itself when nothing changed. Raises ``WrongState`` for a forbidden move
        and ``RevisionConflict`` when ``filed`` is not current.
        """
        before = filed.draft
        changed = changed_paths(before, after)
        if not changed and seal_at == filed.filing.seal_at:
            return filed
        if before.state is not after.state:
            require_move(before.state, after.state)
        after = msgspec.structs.replace(after, revision=before.revision + 1, updated_at=self.now)
        drafts.revise(self.connection, after, actor=self.actor, changed=changed, seal_at=seal_at)
        self.tell(event_type(before.state, after.state), after, changed=changed)
        return Filed(draft=after, filing=replace(filed.filing, seal_at=seal_at))

    def tell(
        self,
        type_: str,
        draft: WorkOrderDraft | None = None,
        *,
        changed: Sequence[str] = (),
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an event to what this transaction tells the world."""
        self.events.append(
            FeedEvent(
                event_id=event_id(self._ids.new()),
                type=type_,
                at=self.now,
                draft_id=draft.draft_id if draft else None,
                revision=draft.revision if draft else None,
                changed=tuple(changed),
                data=data,
            )
        )


def changed_paths(before: WorkOrderDraft, after: WorkOrderDraft) -> list[str]:
    """Return the dotted names of the fields that differ, at most two levels deep."""
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    paths: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if isinstance(was, dict) and isinstance(now, dict):
            paths += [
                f"{name}.{part}"
                for part in sorted(was.keys() | now.keys())
                if was.get(part) != now.get(part)
            ]
        else:
            paths.append(name)
    return paths
