"""The contract a channel implements: pure translation in, sending out, and nothing in between.

The core owns the order bound → verify → parse → commit → acknowledge. A channel has no database and
no HTTP response object on the way in, so it cannot forget a step: it does not perform it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from gateway.channel.http import IPNetwork
from gateway.channel.outgoing import Sender
from gateway.channel.ports import Ports, Sink
from gateway.channel.simulation import StandIn
from gateway.channel.wire import HttpReply, RawRequest
from gateway.config import ChannelSettings
from gateway.domain.intake import Event, MediaRef, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """What the core must know of an account to treat it rightly.

    ``receipt_in_answer``: the citizen is told the receipt number in the very answer (a form, a
    call), so a message opens its draft inside the committing transaction. Otherwise messages are
    assembled into conversations afterwards. ``acknowledges``: one automatic acknowledgement per
    case is sent through the account's sender. ``body_limit`` in bytes, ``ack_deadline_s`` the time
    the provider waits, ``redelivery_window_s`` how long equal content without an id counts as the
    same message, ``text_limit`` the longest single outgoing part in the provider's unit.
    ``key_conflict_is_error``: a ``dedupe_key`` is the sender's own idempotency key, one for the
    whole account whatever the contact; when it returns with another event nothing is stored and the
    outcome is a duplicate with ``conflict`` set. Otherwise that is a new, flagged message.
    ``resumes_calls``: calls outlive a restart of the gateway, and it takes them up again with
    another ``started`` event of the same conversation; until then their drafts stay open.
    """

    kind: str
    account: str
    body_limit: int = 256 * 1024
    ack_deadline_s: float = 5.0
    receipt_in_answer: bool = False
    acknowledges: bool = False
    redelivery_window_s: float = 300.0
    text_limit: int | None = None
    key_conflict_is_error: bool = False
    resumes_calls: bool = False


class WebhookChannel(Protocol):
    """A provider calls us: four pure steps. The core calls them in this order and no other."""

    def verify(self, raw: RawRequest) -> None:
        """Check the signature over the raw bytes in constant time; raises ``Unverified``."""

    def handshake(self, raw: RawRequest) -> HttpReply | None:
        """Answer a provider's set-up question; None when this is an ordinary delivery."""

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Translate bytes into events; raises ``Malformed`` and nothing else. No clock, no I/O."""

    def acknowledge(self, outcome: Outcome) -> HttpReply:
        """Return the exact bytes the provider expects for what became of its delivery."""


@runtime_checkable
class RefusesInItsOwnWords(Protocol):
    """A webhook channel that answers malformed requests itself (say, the form shown again)."""

    def refuse(self, raw: RawRequest, error: Exception) -> HttpReply:
        """Return the answer to a request whose parse raised ``Malformed`` or ``Conflict``."""


@runtime_checkable
class CarriesFiles(Protocol):
    """A webhook channel whose requests hold the bytes of their attachments.

    After ``parse`` and before the commit the core stores each of them (``Uploads.put``): an event
    may name a file by its ``sha256`` only when the file is already safe.
    """

    def files(self, raw: RawRequest) -> Sequence[bytes]:
        """Return the files that the events of ``parse`` name by ``sha256``; as pure as it is."""


@runtime_checkable
class AnswersInContext(Protocol):
    """A webhook channel whose answer depends on the request as well (language, typed values)."""

    def answer(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Return the answer; the core calls this instead of ``acknowledge``, at the same place."""


@runtime_checkable
class AnswersAfterLookup(Protocol):
    """A webhook channel that must look something up before it can answer (``Ports.cases``).

    Everything else it owes the provider is known from the request and the outcome, as ever.
    """

    async def answer_after(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Return the answer; the core awaits this instead of ``acknowledge``, at the same place."""


@runtime_checkable
class Page(Protocol):
    """A read-only page: it shows something and stores nothing."""

    async def show(self, raw: RawRequest) -> HttpReply:
        """Return the page; raises ``Malformed`` or ``Unverified`` like a webhook."""


class Socket(Protocol):
    """A WebSocket whose message sizes and idle time the core bounds."""

    async def receive(self) -> str | bytes | None:
        """Return the next message, or None once the other side is gone."""

    async def send(self, message: str) -> None:
        """Send a text message; sending to a closed socket does nothing."""

    async def close(self, code: int = 1000) -> None:
        """Close with a WebSocket status code."""


@runtime_checkable
class SocketChannel(Protocol):
    """A provider opens a media or event stream."""

    def verify(self, raw: RawRequest) -> None:
        """Check the upgrade request; raises ``Unverified``, then no socket is opened."""

    async def converse(self, socket: Socket, raw: RawRequest) -> None:
        """Hold the conversation until it ends; cancelled (and cleaned up) at shutdown."""


@runtime_checkable
class Drains(Protocol):
    """A socket channel whose conversations last: they may end politely when the process does."""

    async def drain(self) -> None:
        """Let conversations under way end; bounds its own time. What is left is cancelled then."""


class SourceChannel(Protocol):
    """A channel that fetches or listens itself (SMTP, IMAP, polling, SMPP, a PBX)."""

    async def run(self, sink: Sink) -> None:
        """Work until cancelled; awaits ``sink.commit`` *before* telling the other side "taken"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """A call the core should make; ``headers`` may hold credentials and are never logged.

    ``hops`` names the hosts a redirect may lead to, over https and without ``headers``: some
    providers answer with the address of a file store. ``allow`` is as in ``HttpClient.request``.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    hops: tuple[str, ...] = ()
    allow: tuple[IPNetwork, ...] = ()


class MediaSource(Protocol):
    """Knows how to ask the provider for a file; the core does the asking, guarded and bounded."""

    def request_for(self, ref: MediaRef) -> HttpCall:
        """Return the call that fetches ``ref``."""


class Lifecycle(Protocol):
    """Set-up and health of an account."""

    async def connect(self) -> None:
        """Do what must be done before the first message."""

    async def close(self) -> None:
        """Leave no task and no socket behind."""

    async def probe(self) -> str | None:
        """Return None when all is well, else in words what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One address an account answers on.

    ``path`` is relative to ``/channels/<kind>/<account>`` (empty or ``/status``), unless ``public``
    is set: then it is an absolute path of the public contract such as ``/report``. A public path
    below ``/api`` brings its ``description``, an OpenAPI 3.1 operation object without references.
    """

    method: str
    path: str
    handler: WebhookChannel | Page | SocketChannel
    public: bool = False
    description: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One configured account of a channel: the parts it has, all built and ready."""

    spec: ChannelSpec
    routes: tuple[Route, ...] = ()
    source: SourceChannel | None = None
    sender: Sender | None = None
    media: MediaSource | None = None
    lifecycle: Lifecycle | None = None


class Simulator(Protocol):
    """Makes real-looking provider traffic for tests, demo, load runs and ``hotline simulate``."""

    def message(self, text: str, *, sender: str, message_id: str | None = None) -> RawRequest:
        """Return a signed, well-formed delivery of one text message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKind:
    """What a channel folder exposes as ``CHANNEL``.

    ``build`` turns checked settings and the core's ports into a running account; it raises
    ``gateway.config.ConfigError`` when a secret is missing, so that nothing starts unverified.
    ``simulator`` builds the simulator for the same settings and the site's public URL.
    ``stand_in`` builds what takes the provider's place for an account's ``base_url``.
    """

    kind: str
    settings: type[ChannelSettings]
    build: Callable[[ChannelSettings, Ports], Account]
    simulator: Callable[[ChannelSettings, str], Simulator] | None = None
    stand_in: Callable[[ChannelSettings], StandIn] | None = None
