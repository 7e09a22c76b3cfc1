"""Standard Webhooks 1.0: every valid secret signs, and any valid secret vouches for a callback.

Source: the specification in the repository standard-webhooks/standard-webhooks, symmetric ``v1``.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.channel.mac import Mac
from gateway.domain.errors import GatewayError

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

TOLERANCE = timedelta(minutes=5)

_PREFIX = "whsec_"
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_MAX_SIGNATURES = 16


class BadSecret(GatewayError):
    """A configured signing secret that cannot be one."""


class BadSignature(GatewayError):
    """A callback that no valid secret vouches for; answer 401 without the detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One signing key and the time in which it counts: ``valid_from`` ≤ t < ``valid_to``.

    ``None`` leaves that side open. During a rotation two secrets overlap and both sign.
    """

    key: bytes = field(repr=False)
    mac: Mac = field(init=False, repr=False, compare=False)
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mac", Mac(self.key, hashlib.sha256))
        for moment in (self.valid_from, self.valid_to):
            if moment is not None:
                _require_aware(moment)

    def valid_at(self, moment: datetime) -> bool:
        """Say whether this secret counts at ``moment``."""
        if self.valid_from is not None and moment < self.valid_from:
            return False
        return self.valid_to is None or moment < self.valid_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What a good signature proves: this id, sent at this time, with exactly this body."""

    message_id: str
    sent_at: datetime


def secret_key(text: str) -> bytes:
    """Return the key bytes of ``whsec_<base64>`` or of plain text (its UTF-8 bytes).

    Raises ``BadSecret`` without quoting the text.
    """
    if not text.startswith(_PREFIX):
        key = text.encode()
    else:
        encoded = text.removeprefix(_PREFIX).rstrip("=")
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError) as fault:
            raise BadSecret(
                f"a signing secret starts with {_PREFIX} but the rest is not base64",
                "copy the secret again, or leave the prefix out to use plain text",
            ) from fault
    if not key:
        raise BadSecret("a signing secret is empty", "give the endpoint a secret")
    return key


def sign(
    secrets: Sequence[Secret], *, message_id: str, sent_at: datetime, body: bytes
) -> dict[str, str]:
    """Return the three ``webhook-*`` headers, one signature for every secret valid at ``sent_at``.

    Raises ``BadSecret`` when no secret is valid: an unsigned event never leaves. ``sent_at`` must
    be aware and ``message_id`` of ``[A-Za-z0-9_-]`` (a dot would blur where the id ends).
    """
    _require_aware(sent_at)
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a message id is 1 to 200 letters, digits, hyphens and underscores")
    valid = [secret for secret in secrets if secret.valid_at(sent_at)]
    if not valid:
        raise BadSecret(
            "no signing secret is valid at this time", "add a secret, or extend one of the old"
        )
    timestamp = str(int(sent_at.timestamp()))
    signed = _signed_bytes(message_id, timestamp, body)
    signatures = [base64.b64encode(secret.mac.digest(signed)).decode() for secret in valid]
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: " ".join([f"v1,{signature}" for signature in signatures]),
    }


def verify(
    secrets: Sequence[Secret],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> Vouched:
    """Return what a callback's signature proves, or raise ``BadSignature`` and nothing else.

    Every secret is compared with every signature, in constant time, so the duration tells nothing
    about which of them nearly matched. The caller must still refuse an id it has seen before.
    """
    _require_aware(now)
    lowered = {name.lower(): value for name, value in headers.items()}
    message_id = lowered.get(ID_HEADER, "")
    timestamp = lowered.get(TIMESTAMP_HEADER, "")
    if not message_id or not _SECONDS.fullmatch(timestamp):
        raise BadSignature("a callback lacks a message id or a timestamp in whole seconds")
    try:
        sent_at = datetime.fromtimestamp(int(timestamp), UTC)
        signed = _signed_bytes(message_id, timestamp, body)
    except (OverflowError, OSError, ValueError) as fault:
        raise BadSignature("a callback's message id or timestamp is malformed") from fault
    if abs(now - sent_at) > tolerance:
        raise BadSignature(
            "a callback's timestamp is too far from now", "check the clocks on both sides"
        )
    offered = list(_signatures(lowered.get(SIGNATURE_HEADER, "")))
    matches = 0
    for secret in secrets:
        if secret.valid_at(now):
            expected = secret.mac.digest(signed)
            for signature in offered:
                matches += hmac.compare_digest(expected, signature)
    if not matches:
        raise BadSignature("a callback carries no signature of a valid secret")
    return Vouched(message_id=message_id, sent_at=sent_at)


def _signatures(header: str) -> Iterable[bytes]:
    for entry in header.split(" ")[:_MAX_SIGNATURES]:
        version, comma, encoded = entry.partition(",")
        if version == "v1" and comma:
            try:
                yield base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                continue


def _signed_bytes(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode() + body


def _require_aware(moment: datetime) -> None:
    if moment.utcoffset() is None:
        raise ValueError("times must be aware: a naive one would be signed hours off")
