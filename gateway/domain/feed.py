"""The events the gateway tells the world, and which subscriptions they match."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

EVENT_TYPES: tuple[str, ...] = (
    "draft.created",
    "draft.updated",
    "draft.queued",
    "draft.claimed",
    "draft.released",
    "draft.ready",
    "draft.forwarded",
    "draft.forward_failed",
    "draft.answered",
    "draft.merged",
    "draft.rejected",
    "draft.expired",
    "draft.escalated",
    "message.received",
    "message.delivery",
    "call.started",
    "call.ended",
    "call.abandoned",
    "call.callback_requested",
    "recording.ready",
    "transcript.ready",
    "backend.status_changed",
    "feedback.received",
    "repeat.linked",
    "hot_issue.warning",
    "report.daily",
    "channel.degraded",
    "channel.recovered",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """One thing that happened, told to subscribers at least once.

    ``event_id`` is ``evt_`` and a ULID; ``draft_id`` and ``revision`` name the snapshot that goes
    out with it; ``data`` holds what else there is to say (JSON values only).
    """

    event_id: str
    type: str
    at: datetime
    draft_id: str | None = None
    revision: int | None = None
    changed: tuple[str, ...] = ()
    data: Mapping[str, Any] | None = None


def matches(event_type: str, patterns: Iterable[str]) -> bool:
    """Tell whether a type is subscribed to; a pattern is a type, ``family.*`` or ``*``."""
    family = event_type.split(".", 1)[0] + ".*"
    return any(pattern in {event_type, family, "*"} for pattern in patterns)


def is_pattern(pattern: str) -> bool:
    """Tell whether a subscription pattern can match any event at all."""
    return any(matches(name, (pattern,)) for name in EVENT_TYPES)
