"""``GET /api/v1/feed``: the events behind a cursor, as they went out to everybody else."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from gateway.domain.draft import Aware
from gateway.domain.feed import EVENT_TYPES, is_pattern
from gateway.store import feed
from gateway.store.engine import Store
from gateway.store.feed import Told
from gateway.store.tokens import Scope
from gateway.web.api.operation import Answer, Call, Nothing, Operation, Reply
from gateway.web.problems import FieldProblem, Problem

_CURSOR = re.compile(rb"f1:([0-9]{1,18})")


class FeedQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the feed is wanted."""

    cursor: Annotated[
        Annotated[str, Meta(max_length=64)] | UnsetType,
        Meta(description="`cursor` of the last answer; without it, from the start"),
    ] = UNSET
    limit: Annotated[
        int, Meta(ge=1, le=500, description="how many events are looked at, at most")
    ] = 100
    types: Annotated[
        tuple[Annotated[str, Meta(max_length=40)], ...],
        Meta(
            max_length=40,
            description="event types, families such as `draft.*`, or `*`; commas between them",
        ),
    ] = ()


class FeedEventDocument(Struct, frozen=True, kw_only=True):
    """One event; ``data`` holds the draft's full snapshot and the names of what changed."""

    id: Annotated[str, Meta(pattern=r"^evt_[0-9A-HJKMNP-TV-Z]{26}$")]
    type: str
    timestamp: Aware
    data: dict[str, Any]


class FeedPage(Struct, frozen=True, kw_only=True):
    """Events in order. A page may be empty while ``more`` is true: nothing in it was asked for."""

    events: tuple[FeedEventDocument, ...]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class FeedApi:
    """The pull side of the event feed."""

    store: Store

    def operations(self) -> tuple[Operation, ...]:
        """Return the operation."""
        return (
            Operation(
                name="readFeed",
                method="GET",
                path="/api/v1/feed",
                tag="feed",
                summary="Read the event feed from a cursor on: without gaps, at least once",
                handler=self.read,
                scope=Scope.FEED_READ,
                answers=(Answer(description="The next events", type=FeedPage),),
                problems=("bad_cursor",),
            ),
        )

    async def read(self, call: Call[Nothing, FeedQuery, Nothing]) -> Reply:
        """Return a page, composed around the stored snapshots without parsing them."""
        query = call.query
        for pattern in query.types:
            if not is_pattern(pattern):
                raise _unknown_type(pattern)
        start = 0 if query.cursor is UNSET else _position(query.cursor)

        def after(connection: Connection) -> tuple[list[Told], int, bool]:
            found = feed.after(connection, start, limit=query.limit, patterns=query.types or ("*",))
            if start and not found[0] and feed.latest(connection) < start:
                # The store was put back to an older state: to wait here would lose events.
                raise Problem(
                    "bad_cursor",
                    "the cursor is ahead of the feed; was its store restored from a backup? Read "
                    "from the start again",
                )
            return found

        told, last, more = await self.store.read(after)
        tail = msgspec.json.encode({"cursor": _cursor(last), "more": more})
        events = b",".join(one.body for one in told)
        return Reply(body=b'{"events":[' + events + b"]," + tail[1:])


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(b"f1:%d" % position).decode().rstrip("=")


def _position(cursor: str) -> int:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        text = b""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise Problem("bad_cursor", "use the cursor of the last answer as it came, or none")
    return int(found[1])


def _unknown_type(pattern: str) -> Problem:
    families = sorted({name.split(".")[0] + ".*" for name in EVENT_TYPES})
    message = f"matches no event; use a type of the feed, one of {', '.join(families)}, or *"
    return Problem(
        "bad_parameter",
        f"mend types: {pattern!r} {message}",
        errors=[FieldProblem(field="types", message=message)],
    )
