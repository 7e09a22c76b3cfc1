"""Follows the event feed for those who watch live: only while somebody does, or has just done.

A watcher sees a short form of each draft, not its snapshot: who wants more reads the draft.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from gateway.channel.errors import StoreBusy
from gateway.store import feed
from gateway.store.engine import Store
from gateway.store.feed import Told
from gateway.web.live import LiveDocument, LiveHub

_AT_ONCE = 200


class _Detail(Struct, frozen=True):
    conversation_id: str | None = None


class _Request(Struct, frozen=True):
    title: str = ""


class _Priority(Struct, frozen=True):
    level: str = "normal"


class _Operator(Struct, frozen=True):
    id: str | None = None


class _Draft(Struct, frozen=True):
    """The part of a snapshot that is shown."""

    draft_id: str
    receipt_no: str
    revision: int
    state: str
    channel: str
    received_at: datetime
    request: _Request
    channel_detail: _Detail | None = None
    priority: _Priority | None = None
    operator: _Operator | None = None


class _Event(Struct, frozen=True):
    id: str
    type: str
    timestamp: datetime
    data: dict[str, msgspec.Raw]


@dataclass(slots=True, kw_only=True)
class FeedFollower:
    """Shows new events of the feed to the hub's watchers until it is told to stop.

    ``pause_s`` lies between two looks at the store; for ``linger_s`` after the last watcher has
    gone the looking goes on, so that one who only lost the connection misses nothing.
    """

    store: Store
    hub: LiveHub
    pause_s: float = 0.5
    linger_s: float = 60.0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Follow until ``stop``."""
        while not self._stopping.is_set():
            self.hub.feed_was_not_followed()
            if not await self._within(None, self.hub.someone_watches):
                return
            with suppress(StoreBusy):
                cursor = await self.store.read(feed.latest)
                self.hub.feed_is_followed.set()
                await self._follow(cursor)
            await self._within(self.pause_s)

    def stop(self) -> None:
        """Let ``run`` return."""
        self._stopping.set()

    async def _follow(self, cursor: int) -> None:
        """Show what comes behind ``cursor`` as long as somebody watches."""
        idle_s = 0.0
        while idle_s < self.linger_s and not self._stopping.is_set():
            behind = partial(feed.after, cursor=cursor, limit=_AT_ONCE)
            told, cursor, more = await self.store.read(behind)
            for one in told:
                self.hub.show(shown(one))
            if more:
                continue
            await self._within(self.pause_s)
            idle_s = 0.0 if self.hub.someone_watches.is_set() else idle_s + self.pause_s

    async def _within(self, seconds: float | None, event: asyncio.Event | None = None) -> bool:
        """Wait so long, or for the event; False when it is time to stop."""
        waits = [asyncio.ensure_future(self._stopping.wait())]
        if event is not None:
            waits.append(asyncio.ensure_future(event.wait()))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return not self._stopping.is_set()


def shown(told: Told) -> LiveDocument:
    """Return an event of the feed as watchers see it: the draft in short, the rest as it is."""
    event = msgspec.json.decode(told.body, type=_Event)
    data: dict[str, Any] = {
        name: msgspec.json.decode(value) for name, value in event.data.items() if name != "draft"
    }
    data["event_id"] = event.id
    conversation = ""
    if "draft" in event.data:
        draft = msgspec.json.decode(event.data["draft"], type=_Draft)
        detail = draft.channel_detail
        conversation = (detail and detail.conversation_id) or ""
        data["draft"] = _short(draft)
    return LiveDocument(
        type=event.type,
        at=event.timestamp,
        conversation=conversation,
        draft_id=told.draft_id,
        data=data,
    )


def _short(draft: _Draft) -> dict[str, Any]:
    short = {
        "draft_id": draft.draft_id,
        "receipt_no": draft.receipt_no,
        "revision": draft.revision,
        "state": draft.state,
        "channel": draft.channel,
        "received_at": draft.received_at,
        "title": draft.request.title,
        "priority": "normal" if draft.priority is None else draft.priority.level,
    }
    if draft.operator is not None and draft.operator.id is not None:
        short["operator"] = draft.operator.id
    return short
