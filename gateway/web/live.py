"""The live stream's hub: what happens this second, to everybody who watches; no watcher slows it.

Two kinds of news meet here. What a call tells while it goes on is not kept anywhere else. What the
event feed tells is durable, and comes here from the feed alone (``live_feed.py``), so that nothing
is shown twice.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.channel.ports import LiveNews
from gateway.domain.errors import GatewayError
from gateway.domain.feed import EVENT_TYPES, matches

REMEMBERED = 2_000
"""How many past news a watcher who comes back can still be told."""

MOST_WAITING = 1_000
"""How many news may wait for a slow watcher before it loses the oldest of them."""

MOST_WATCHERS = 200
NEWS_LIMIT = 64 * 1024
"""The longest single news in bytes of JSON; a longer one is lost."""

TYPE_PATTERN = r"^[a-z_]{1,20}\.[a-z_]{1,20}$"

_DURABLE = frozenset(EVENT_TYPES)
_TYPE = re.compile(TYPE_PATTERN)


class LiveDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of news as a watcher reads it.

    ``conversation`` is the id of the call or form, "" for news of neither.
    """

    type: Annotated[str, msgspec.Meta(pattern=TYPE_PATTERN)]
    at: datetime
    conversation: str = ""
    draft_id: str | None = None
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a watcher wants to see; an empty part means everything."""

    types: tuple[str, ...] = ()
    conversations: frozenset[str] = frozenset()
    drafts: frozenset[str] = frozenset()

    def covers(self, told: "Told") -> bool:
        """Tell whether this is among it."""
        return (
            (not self.types or matches(told.type, self.types))
            and (not self.conversations or told.conversation in self.conversations)
            and (not self.drafts or told.draft_id in self.drafts)
        )


@dataclass(frozen=True, slots=True)
class Told:
    """News in the form in which it goes out; ``number`` counts from 1 in this process."""

    number: int
    type: str
    conversation: str
    draft_id: str | None
    body: bytes


class TooManyWatchers(GatewayError):
    """The stream takes no further watcher."""

    def __init__(self) -> None:
        super().__init__("too many watchers", "close a stream, or come again in a moment")


class LiveMeter:
    """Counts watchers and what they lost."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.watchers = Gauge("hotline_live_watchers", "Open live streams", registry=registry)
        lost = Counter("hotline_live_lost", "Live news that was lost", ["why"], registry=registry)
        self.slow = lost.labels("slow")
        self.relay = lost.labels("relay")
        self.unfit = lost.labels("unfit")


@dataclass(slots=True, eq=False)
class Watcher:
    """One open stream: what waits for it, and how much it has lost since it was last told so."""

    wanted: Wanted
    lost: int = 0
    closed: bool = False
    _waiting: deque[Told] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def give(self, told: Told) -> bool:
        """Put news where the watcher finds it; False when an older one was lost for it."""
        room = len(self._waiting) < MOST_WAITING
        if not room:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(told)
        self._news.set()
        return room

    def close(self) -> None:
        """Let the stream end, at once."""
        self.closed = True
        self._news.set()

    async def take(self, within_s: float) -> list[Told]:
        """Return what has come, waiting for it at most so long."""
        if not self._waiting and not self.closed:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._news.wait()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def told_of_loss(self) -> int:
        """Return how many news were lost since this was last asked."""
        lost, self.lost = self.lost, 0
        return lost


class LiveHub:
    """Implements the ``Live`` port, and gives each watcher what it wants to see.

    ``epoch`` names this process and this start of it: numbers of another one mean nothing here.
    ``relay`` passes a call's news on to other processes; False from it means that some were lost.
    """

    def __init__(self, *, epoch: str, meter: LiveMeter) -> None:
        self.epoch = epoch
        self.relay: Callable[[bytes], bool] | None = None
        self.someone_watches = asyncio.Event()
        self.feed_is_followed = asyncio.Event()
        self._meter = meter
        self._watchers: set[Watcher] = set()
        self._past: deque[Told] = deque(maxlen=REMEMBERED)
        self._number = 0
        self._whole_since = 0
        self._closed = False

    def tell(self, news: LiveNews) -> None:
        """Pass on what happens in a call; what the feed tells as well comes from there alone."""
        if news.type in _DURABLE:
            return
        document = LiveDocument(
            type=news.type,
            at=news.at,
            conversation=news.conversation,
            draft_id=news.draft_id,
            data=news.data,
        )
        body = self.show(document)
        if body is not None and self.relay is not None and not self.relay(body):
            self._meter.relay.inc()

    def hear(self, body: bytes) -> None:
        """Take news in that another process passed on; what is none is dropped."""
        if len(body) > NEWS_LIMIT:
            return
        with suppress(msgspec.DecodeError):
            self.show(msgspec.json.decode(body, type=LiveDocument))

    def show(self, document: LiveDocument) -> bytes | None:
        """Show news that is not this process's own to pass on: the feed's, another process's."""
        body = _encoded(document)
        if body is None:
            self._meter.unfit.inc()
            return None
        self._number += 1
        told = Told(self._number, document.type, document.conversation, document.draft_id, body)
        self._past.append(told)
        for watcher in self._watchers:
            if watcher.wanted.covers(told) and not watcher.give(told):
                self._meter.slow.inc()
        return body

    def feed_was_not_followed(self) -> None:
        """From here back nobody can be told everything any more."""
        self._whole_since = self._number
        self.feed_is_followed.clear()

    @contextmanager
    def watched(self, wanted: Wanted, after: str | None = None) -> Iterator[Watcher]:
        """Yield a watcher; ``after`` is the last id it saw, and what came since comes first.

        Raises ``TooManyWatchers``.
        """
        if self._closed or len(self._watchers) >= MOST_WATCHERS:
            raise TooManyWatchers
        watcher = Watcher(wanted)
        if after is not None:
            self._catch_up(watcher, after)
        self._watchers.add(watcher)
        self._count()
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            self._count()

    def close(self) -> None:
        """End every stream, for good: their watchers find another process, or this one later."""
        self._closed = True
        for watcher in self._watchers:
            watcher.close()

    def _count(self) -> None:
        self._meter.watchers.set(len(self._watchers))
        if self._watchers:
            self.someone_watches.set()
        else:
            self.someone_watches.clear()

    def _catch_up(self, watcher: Watcher, after: str) -> None:
        epoch, _, text = after.rpartition("-")
        if epoch != self.epoch or not (text.isascii() and text.isdigit()):
            watcher.lost += 1
            return
        seen = int(text[:18])
        first = self._past[0].number if self._past else self._number + 1
        if seen > self._number or seen < self._whole_since or seen + 1 < first:
            watcher.lost += max(1, first - seen - 1)
        for told in self._past:
            if told.number > seen and watcher.wanted.covers(told):
                watcher.give(told)


def _encoded(document: LiveDocument) -> bytes | None:
    """Return news as JSON, None when it is unfit: a call must not fail for what cannot be shown."""
    if not _TYPE.fullmatch(document.type):
        return None
    try:
        body = msgspec.json.encode(document)
    except Exception:
        return None
    return body if len(body) <= NEWS_LIMIT else None
