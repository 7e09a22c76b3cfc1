"""What proves that a request is the provider's own; each returns the form it proved.

A provider that signs nothing must know a name and a secret of ours, and what our own answers sent
it back with (a sealed ticket) proves the rest. Nothing is ever believed without one of them.
"""

import hmac
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace
from multidict import CIMultiDict
from twilio.request_validator import SIGNATURE_HEADER

from channels.voice.config import VoiceSettings
from channels.voice.twiml.profile import PROFILES, Proof
from gateway.channel import RawRequest, Unverified
from gateway.channel.form import form
from gateway.channel.twilio_signature import TwilioSignature
from gateway.domain.ids import Clock

SIGNALWIRE_HEADER = "X-SignalWire-Signature"
TELNYX_SIGNATURE = "telnyx-signature-ed25519"
TELNYX_TIME = "telnyx-timestamp"
TELNYX_TOLERANCE = timedelta(minutes=5)
"""As in Telnyx' own libraries."""


class Prover(Protocol):
    """Checks the requests of one account."""

    def check(self, raw: RawRequest, expected: Sequence[str]) -> Mapping[str, str]:
        """Return the form; raise ``Unverified`` unless it is the provider's, for our account.

        ``expected`` names the fields that must be there.
        """


def prover(settings: VoiceSettings, clock: Clock) -> Prover:
    """Return what checks the requests of an account."""
    profile = PROFILES[settings.profile]
    tokens = [token.get_secret_value() for token in settings.auth_token]
    match profile.proof:
        case Proof.TWILIO:
            return _ByTwilio(settings.account_sid, tokens)
        case Proof.SIGNALWIRE:
            keys = [key.get_secret_value() for key in settings.signing_key]
            return _BySignalwire(settings.account_sid, keys)
        case Proof.TELNYX:
            return _ByTelnyx(settings.account_sid, settings.public_key or "", clock.now)
        case Proof.BASIC:
            return _ByBasic(settings.account_sid, tokens)


class _ByTwilio:
    def __init__(self, account: str, tokens: Sequence[str]) -> None:
        self._account = account
        self._tokens = tuple(tokens)
        self._known: dict[tuple[str, ...], TwilioSignature] = {}

    def check(self, raw: RawRequest, expected: Sequence[str]) -> Mapping[str, str]:
        """Check Twilio's own signature."""
        names = tuple(expected)
        if names not in self._known:
            self._known[names] = TwilioSignature(self._account, self._tokens, expected=names)
        return self._known[names].check(raw)


class _BySignalwire(_ByTwilio):
    """The same scheme under another name; the old one may stand beside it."""

    def check(self, raw: RawRequest, expected: Sequence[str]) -> Mapping[str, str]:
        """Check SignalWire's signature."""
        given = raw.headers.get(SIGNALWIRE_HEADER) or raw.headers.get(SIGNATURE_HEADER)
        if not given:
            raise Unverified("no signature")
        return super().check(replace(raw, headers=CIMultiDict({SIGNATURE_HEADER: given})), expected)


class _ByTelnyx:
    def __init__(self, account: str, public_key: str, now: Callable[[], datetime]) -> None:
        self._account = account
        self._key = Ed25519PublicKey.from_public_bytes(b64decode(public_key))
        self._now = now

    def check(self, raw: RawRequest, expected: Sequence[str]) -> Mapping[str, str]:
        """Check the signature over time and body, and that the time is now."""
        stamp = raw.headers.get(TELNYX_TIME, "")
        signature = _decoded(raw.headers.get(TELNYX_SIGNATURE, ""))
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
            raise Unverified("no time")
        try:
            self._key.verify(signature, stamp.encode() + b"|" + raw.body)
        except InvalidSignature:
            raise Unverified("the signature does not match") from None
        if abs(self._now() - datetime.fromtimestamp(int(stamp), UTC)) > TELNYX_TOLERANCE:
            raise Unverified("signed too long ago")
        return _ours(raw, self._account, expected)


class _ByBasic:
    def __init__(self, account: str, tokens: Sequence[str]) -> None:
        self._account = account
        self._pairs = [f"{account}:{token}".encode() for token in tokens]

    def check(self, raw: RawRequest, expected: Sequence[str]) -> Mapping[str, str]:
        """Check name and secret in ``Authorization``."""
        kind, _, value = raw.headers.get("Authorization", "").partition(" ")
        given = _decoded(value) if kind.lower() == "basic" else b""
        # Every pair is compared, so that the time tells nothing.
        if not any([hmac.compare_digest(given, pair) for pair in self._pairs]):
            raise Unverified("no valid name and secret")
        return _ours(raw, self._account, expected)


def _ours(raw: RawRequest, account: str, expected: Sequence[str]) -> Mapping[str, str]:
    try:
        fields = form(raw.body)
    except ValueError:
        raise Unverified("not a form") from None
    if any(not fields.get(name) for name in expected):
        raise Unverified("fields are missing")
    if fields.get("AccountSid") != account:
        raise Unverified("another account")
    return fields


def _decoded(text: str) -> bytes:
    """Return what one spelling of base64 says; another spelling of the same says nothing."""
    try:
        octets = b64decode(text, validate=True)
    except (BadBase64, ValueError):
        return b""
    return octets if b64encode(octets).decode("ascii") == text else b""
