"""Messages to a citizen: what the core wants said, and how a channel cuts and sends it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.channel.http import HttpClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Something to tell one citizen; ``reply_id`` (a ULID) is its idempotency key."""

    reply_id: str
    contact: str
    entry: str
    text: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactState:
    """What is known of the way back to a contact."""

    last_inbound_at: datetime | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One provider message: a piece of a reply that fits the provider's limit in its own unit."""

    reply_id: str
    number: int
    of: int
    contact: str
    entry: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The provider took a part; ``sent_id`` is its id, which later receipts carry."""

    sent_id: str


class Sender(Protocol):
    """The way back to the citizen."""

    def render(self, reply: Reply, state: ContactState) -> Sequence[Part]:
        """Cut a reply into parts whose texts join back to it (pure).

        Raises ``SendError`` (stopped, window_closed, invalid) when it may not or cannot be sent.
        """

    async def send(self, part: Part, http: HttpClient) -> Sent:
        """Hand one part to the provider once; raises ``SendError`` and nothing else."""
