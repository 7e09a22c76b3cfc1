"""``GET /api/v1/live``: what happens this second, as server-sent events over one connection."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta, Struct

from gateway.store.tokens import Scope
from gateway.web.api.access import Access
from gateway.web.api.operation import Answer, Call, Nothing, Operation
from gateway.web.live import LiveHub, Told, TooManyWatchers, Wanted, Watcher
from gateway.web.problems import SAFE_HEADERS, Problem

EVENT_STREAM = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"

_MOST = 20
"""So many of each fit into the longest request line."""

_STUCK_S = 30.0
"""A connection that takes nothing for so long is given up."""

_FOLLOWING_S = 2.0
"""How long the welcome may wait for the feed: what happens after the welcome is seen."""


class LiveQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be seen; without any of them everything. An empty name in a list says nothing."""

    types: Annotated[
        tuple[Annotated[str, Meta(max_length=40, pattern=r"^(\*|[a-z_]+\.(\*|[a-z_]+))?$")], ...],
        Meta(
            max_length=_MOST,
            description="types of news, families such as `call.*`, or `*`; commas between them",
        ),
    ] = ()
    conversation: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:@/+-]{0,100}$")], ...],
        Meta(
            max_length=_MOST, description="ids of calls or other conversations; commas between them"
        ),
    ] = ()
    draft: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^([0-9A-HJKMNP-TV-Z]{26})?$")], ...],
        Meta(max_length=_MOST, description="ids of drafts; commas between them"),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePace:
    """Seconds: how often a quiet stream shows that it is alive, and how long one may be open."""

    heartbeat_s: float = 15.0
    longest_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveApi:
    """The live stream; a token that is revoked ends it with the next heartbeat."""

    hub: LiveHub
    access: Access
    pace: LivePace = LivePace()

    def operations(self) -> tuple[Operation, ...]:
        """Return the operation."""
        return (
            Operation(
                name="watchLive",
                method="GET",
                path="/api/v1/live",
                tag="live",
                summary="Watch calls and drafts while they happen 实时",
                handler=self.watch,
                scope=Scope.FEED_READ,
                resumes=True,
                answers=(Answer(description="Server-sent events", media_type=EVENT_STREAM),),
            ),
        )

    async def watch(self, call: Call[Nothing, LiveQuery, Nothing]) -> web.StreamResponse:
        """Send news until the watcher goes away, the token ends or the hour is over."""
        query, request = call.query, call.request
        headers = {
            **SAFE_HEADERS,
            "X-Accel-Buffering": "no",
            hdrs.CONTENT_TYPE: EVENT_STREAM,
        }
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=headers)
        wanted = Wanted(
            types=query.types,
            conversations=frozenset(query.conversation),
            drafts=frozenset(query.draft),
        )
        try:
            with self.hub.watched(wanted, request.headers.get(LAST_EVENT_ID)) as watcher:
                response = web.StreamResponse(headers=headers)
                await response.prepare(request)
                await self._send(watcher, request, response)
                return response
        except TooManyWatchers as error:
            raise Problem("busy", error.cure) from error

    async def _send(
        self, watcher: Watcher, request: web.Request, response: web.StreamResponse
    ) -> None:
        now = asyncio.get_running_loop().time
        checked = now()
        until = checked + self.pace.longest_s
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FOLLOWING_S):
                    await self.hub.feed_is_followed.wait()
            await _write(response, b"retry: 2000\n: welcome\n\n")
            while not watcher.closed and (left := until - now()) > 0:
                news = await watcher.take(min(self.pace.heartbeat_s, left))
                if now() - checked >= self.pace.heartbeat_s:
                    checked = now()
                    await self.access.require(request, Scope.FEED_READ)
                await _write(response, self._frames(watcher.told_of_loss(), news))
            await response.write_eof()
        except (ConnectionError, TimeoutError, Problem):
            # Whoever has gone needs no farewell, and whoever may not look gets none.
            response.force_close()

    def _frames(self, lost: int, news: list[Told]) -> bytes:
        """Return news as server-sent events, a loss first; without either a sign of life."""
        frames = [self._frame(one) for one in news]
        if lost:
            count = msgspec.json.encode({"count": lost})
            frames.insert(0, b"event: lost\ndata: " + count + b"\n\n")
        return b"".join(frames) or b": still here\n\n"

    def _frame(self, told: Told) -> bytes:
        name, epoch = told.type.encode(), self.hub.epoch.encode()
        return b"id: %s-%d\nevent: %s\ndata: %s\n\n" % (epoch, told.number, name, told.body)


async def _write(response: web.StreamResponse, frames: bytes) -> None:
    async with asyncio.timeout(_STUCK_S):
        await response.write(frames)
