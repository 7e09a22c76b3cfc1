"""What a case-management system keeps of the event feed: cases, each with its newest snapshot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct

from gateway.domain.draft import WorkOrderDraft

OPENS = "draft.ready"
"""The event that asks a backend to open the case."""


class Told(Struct, frozen=True, kw_only=True):
    """What an event is about: the whole draft, when it is about one."""

    draft: WorkOrderDraft | None = None


class Event(Struct, frozen=True, kw_only=True):
    """The part of an event's body that is used here (``time`` is CloudEvents' ``timestamp``)."""

    type: str
    data: Told
    timestamp: datetime | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One event as it arrived: when it happened and when it was taken."""

    event_id: str
    type: str
    happened: datetime
    heard: datetime

    @property
    def ms(self) -> int:
        """How long it was on its way, in milliseconds."""
        return max(0, round((self.heard - self.happened).total_seconds() * 1000))


@dataclass(slots=True)
class Case:
    """One draft as the backend knows it; ``number`` once it has opened a case for it."""

    draft: WorkOrderDraft
    number: str | None = None
    events: list[Heard] = field(default_factory=list)

    @property
    def draft_id(self) -> str:
        """The key of the case on both sides."""
        return self.draft.draft_id

    def opened(self) -> Heard | None:
        """Return the event that opened the case."""
        return next((one for one in self.events if one.type == OPENS), None)


@dataclass(slots=True)
class Cases:
    """Every case, and every event id that has been seen."""

    _known: dict[str, Case] = field(default_factory=dict)
    _seen: dict[str, str] = field(default_factory=dict)
    _numbers: int = 0

    def __iter__(self) -> Iterator[Case]:
        """The cases in the order in which they became known."""
        return iter(tuple(self._known.values()))

    def of_draft(self, draft_id: str) -> Case | None:
        """Return what is known of a draft."""
        return self._known.get(draft_id)

    def numbered(self, number: str) -> Case | None:
        """Return the case with a number."""
        return next((one for one in self if one.number == number), None)

    def has_seen(self, event_id: str) -> bool:
        """Tell whether this event was taken before: then it changes nothing."""
        return event_id in self._seen

    def case_of(self, event_id: str) -> Case | None:
        """Return the case an event was about."""
        return self._known.get(self._seen.get(event_id, ""))

    def take(self, event_id: str, event: Event, heard: datetime) -> Case | None:
        """Take an event that has not been seen; returns the case it is about, if it is about one.

        Every event brings the whole draft, so an older revision than the known one is passed over.
        """
        draft = event.data.draft
        self._seen[event_id] = draft.draft_id if draft else ""
        if draft is None:
            return None
        case = self._known.setdefault(draft.draft_id, Case(draft))
        if draft.revision >= case.draft.revision:
            case.draft = draft
        happened = event.timestamp or event.time or heard
        case.events.append(
            Heard(event_id=event_id, type=event.type, happened=happened, heard=heard)
        )
        if event.type == OPENS and case.number is None:
            self._numbers += 1
            case.number = f"WO-{self._numbers:06}"
        return case

    def newest_first(self) -> Sequence[Case]:
        """Return the cases for a page."""
        return sorted(self, key=lambda one: one.draft_id, reverse=True)
