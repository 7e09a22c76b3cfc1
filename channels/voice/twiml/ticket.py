"""A ticket ties a media stream, or a recording, to the signed webhook that announced its call.

The WebSocket of a media stream carries no signature worth the name, and neither the stream nor the
news of a recording says who called. So our own TwiML hands the provider a sealed note with the
call in it, and the provider brings it back. It is encrypted because it travels in addresses, which
proxies write into their logs.
"""

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from channels.voice.leg import Call

STREAM_TTL_S = 60
"""A stream begins within seconds of the webhook; a note found later in a log opens nothing."""


class BadTicket(Exception):
    """A note that this account did not seal, or that is too old."""


class Tickets:
    """Seals and opens the notes of one account; ``site_key`` is ``Site.key``."""

    def __init__(self, site_key: bytes, account: str) -> None:
        key = hmac.digest(site_key, b"voice ticket:" + account.encode(), "sha256")
        self._seal = Fernet(urlsafe_b64encode(key))

    def seal(self, call: Call, now: datetime) -> str:
        """Return a note for ``call``: at most 400 of ``A-Za-z0-9_-``."""
        note = msgspec.json.encode([call.call_id, call.caller, call.dialled])
        return self._seal.encrypt_at_time(note, int(now.timestamp())).decode().rstrip("=")

    def open(self, ticket: str, now: datetime | None = None) -> Call:
        """Return the call, which began when the note was sealed; raises ``BadTicket``.

        With ``now`` the note must be fresh. Who plays a note back tells of the very same call.
        """
        try:
            sealed = ticket.encode("ascii") + b"=" * (-len(ticket) % 4)
            if now is None:
                note = self._seal.decrypt(sealed)
            else:
                note = self._seal.decrypt_at_time(sealed, STREAM_TTL_S, int(now.timestamp()))
            call_id, caller, dialled = msgspec.json.decode(note, type=tuple[str, str | None, str])
            began_at = datetime.fromtimestamp(self._seal.extract_timestamp(sealed), UTC)
        except (InvalidToken, UnicodeEncodeError, msgspec.DecodeError):
            raise BadTicket("a ticket that does not fit") from None
        return Call(call_id=call_id, caller=caller, dialled=dialled, began_at=began_at)
