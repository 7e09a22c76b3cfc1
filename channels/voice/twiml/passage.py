"""Where a call is in its flow, sealed into the addresses a provider brings back to us.

Between a question and its answer nothing is kept here: everything travels, encrypted and
authenticated, in the address the provider is told to go to. So any process can go on with a call,
and an answer that comes twice is judged twice alike.
"""

import hmac
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from channels.voice.ivr.steps import (
    Connected,
    Kept,
    Looked,
    NoInput,
    Pressed,
    Result,
    Spoken,
    Stated,
    Waited,
)
from channels.voice.leg import Call
from channels.voice.twiml.ticket import BadTicket

LONGEST_S = 4 * 3600.0
"""How long a call may take from one answer to the next: a long conversation with a person."""

_RESULTS: Mapping[str, type[Result]] = {
    "pressed": Pressed,
    "spoken": Spoken,
    "nothing": NoInput,
    "stated": Stated,
    "connected": Connected,
    "waited": Waited,
    "looked": Looked,
    "kept": Kept,
}
_NAMES = {kind: name for name, kind in _RESULTS.items()}


class Passage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True):
    """One question on its way to a caller and back.

    ``turn`` counts the questions of a call. ``handover`` is the state of the call (``Handover``),
    empty before its flow has begun. ``result`` is what the flow was waiting for, when it is known
    already (see ``told``). ``since`` is when a wait began, in Unix time; ``quick`` that the parts
    of the step were skipped and are not said again. ``facts`` could not be stored yet.
    """

    call_id: str
    caller: str | None
    dialled: str
    began: int
    turn: int = 1
    handover: str = ""
    result: tuple[str, Any] | None = None
    since: int = 0
    quick: bool = False
    facts: dict[str, str] = {}

    @property
    def call(self) -> Call:
        """Who called whom."""
        return Call(
            call_id=self.call_id,
            caller=self.caller,
            dialled=self.dialled,
            began_at=datetime.fromtimestamp(self.began, UTC),
        )

    @property
    def told(self) -> Result | None:
        """The result this passage brings along."""
        if self.result is None:
            return None
        name, detail = self.result
        result: Result = msgspec.convert(detail, _RESULTS[name])
        return result


def result_as_told(result: Result) -> tuple[str, Any]:
    """Return a result as a passage carries it."""
    return _NAMES[type(result)], msgspec.to_builtins(result)


class Passes:
    """Seals and opens the passages of one account; ``site_key`` is ``Site.key``."""

    def __init__(self, site_key: bytes, account: str) -> None:
        key = hmac.digest(site_key, b"voice passage:" + account.encode(), "sha256")
        self._seal = Fernet(urlsafe_b64encode(key))

    def seal(self, passage: Passage, now: datetime) -> str:
        """Return a passage as ``A-Za-z0-9_-``; with the longest state about 2,500 of them."""
        packed = zlib.compress(msgspec.msgpack.encode(passage), 9)
        return self._seal.encrypt_at_time(packed, int(now.timestamp())).decode().rstrip("=")

    def open(self, sealed: str) -> tuple[Passage, datetime]:
        """Return a passage and when it was sealed; raises ``BadTicket``. Asks no clock."""
        try:
            whole = sealed.encode("ascii") + b"=" * (-len(sealed) % 4)
            packed = self._seal.decrypt(whole)
            at = datetime.fromtimestamp(self._seal.extract_timestamp(whole), UTC)
            return msgspec.msgpack.decode(zlib.decompress(packed), type=Passage), at
        except (InvalidToken, UnicodeEncodeError, zlib.error, msgspec.MsgspecError):
            raise BadTicket("a passage that does not fit") from None
