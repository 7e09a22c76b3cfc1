"""What the core hands to a channel: small Protocols, so that a test can hand in fakes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gateway.channel.http import HttpClient
from gateway.channel.speech import Recogniser, Recorder, Unavailable
from gateway.domain.ids import Clock, Ids
from gateway.domain.intake import CaseStatus, Outcome, StoredEvent


class Sink(Protocol):
    """The core's inbox, for channels that fetch or hold a conversation instead of being called."""

    async def commit(self, events: Sequence[StoredEvent], raw: bytes = b"") -> Outcome:
        """Store events durably and only then return; raises ``StoreBusy`` when that is impossible.

        The outcome of the *last* event is returned. When its channel's spec says
        ``receipt_in_answer`` the outcome names the draft, its receipt number and query code.
        """


class Uploads(Protocol):
    """Where a channel leaves the bytes of a file that came inside the request itself."""

    async def put(self, content: bytes) -> str:
        """Store ``content`` durably and return its sha256 in hex; storing it again is harmless."""


class CaseLookup(Protocol):
    """The citizen's way to ask about a case."""

    async def status(self, receipt_no: str, query_code: str) -> CaseStatus | None:
        """Return a case's status, or None when number and code do not belong together."""


class PageRenderer(Protocol):
    """Turns a template of a channel into an HTML page."""

    def render(self, template: str, language: str, values: Mapping[str, Any]) -> bytes:
        """Return UTF-8 HTML; ``template`` is a file name in the channel's ``templates`` folder."""


class Log(Protocol):
    """A channel's log; values are masked by the core, so no personal data is passed at all."""

    def info(self, event: str, **values: object) -> None:
        """Note something expected."""

    def warning(self, event: str, **values: object) -> None:
        """Note something an administrator may want to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveNews:
    """What happens in a call this second, for whoever is watching; nothing durable depends on it.

    ``type`` is ``call.*``, ``transcript.partial`` or ``transcript.final``; ``conversation`` the
    call's id; ``data`` holds JSON values.
    """

    type: str
    conversation: str
    at: datetime
    draft_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class Live(Protocol):
    """Where a call tells what happens in it while it happens."""

    def tell(self, news: LiveNews) -> None:
        """Pass news on to whoever watches; returns at once, never fails, and may lose news."""


class Unwatched:
    """Live news that nobody watches."""

    def tell(self, news: LiveNews) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a channel may know of the site it works for; ``key`` signs its short-lived tokens.

    ``entries`` are the numbers and mailboxes that the site names as its own.
    """

    name: str
    public_url: str
    language: str
    timezone: str
    region: str
    key: bytes
    entries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a channel is given when one of its accounts is built."""

    site: Site
    clock: Clock
    ids: Ids
    http: HttpClient
    sink: Sink
    uploads: Uploads
    cases: CaseLookup
    pages: PageRenderer
    recogniser: Recogniser | Unavailable
    recorder: Recorder
    log: Log
    live: Live = field(default_factory=Unwatched)
