"""What Twilio tells us: an incoming message, or what became of one we sent.

Fields: https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks;
more may be added at any time, so unknown ones are no error.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from channels.sms.config import SmsSettings
from channels.sms.inbound import contact_of, is_citizen, opt_word
from gateway.channel import HttpReply, Malformed, RawRequest
from gateway.channel.form import form
from gateway.channel.twilio_signature import TwilioSignature
from gateway.domain.contact import BadContact, phone_of
from gateway.domain.draft import ATTACHMENT_LIMIT, MessageDelivery
from gateway.domain.intake import (
    TEXT_LIMIT,
    ContactChange,
    Event,
    Ignored,
    InboundMessage,
    MediaRef,
    Outcome,
    Receipt,
    ReporterHint,
)

ACCEPTED = HttpReply(
    body=b'<?xml version="1.0" encoding="UTF-8"?><Response/>', content_type="text/xml"
)
"""TwiML that says nothing to the citizen: answers go out through the sender."""

BUSY = HttpReply(status=503, headers={"Retry-After": "5"})

_EXPECTED = ("AccountSid", "MessageSid", "From", "To")
_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}", re.ASCII)
_DELIVERY: Mapping[str, MessageDelivery] = {
    "accepted": "queued",
    "scheduled": "queued",
    "queued": "queued",
    "sending": "queued",
    "sent": "sent",
    "partially_delivered": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
_MediaKind = Literal["image", "audio", "video", "document"]
_MEDIA_KINDS: Mapping[str, _MediaKind] = {"image": "image", "audio": "audio", "video": "video"}
_OPT_OUT_TYPES: Mapping[str, Literal["stopped", "resumed"]] = {
    "STOP": "stopped",
    "START": "resumed",
}


class TwilioWebhook:
    """Both of an account's addresses: Twilio tells messages from receipts by their fields."""

    def __init__(self, settings: SmsSettings) -> None:
        tokens = [token.get_secret_value() for token in settings.auth_token]
        self._signature = TwilioSignature(settings.account_sid, tokens, expected=_EXPECTED)
        self._number = settings.number

    def verify(self, raw: RawRequest) -> None:
        """Raise ``Unverified`` unless Twilio signed the request for our account."""
        self._signature.check(raw)

    def handshake(self, raw: RawRequest) -> HttpReply | None:
        """Twilio asks no set-up question."""
        return None

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Return the one event of a form; raises ``Malformed``. Twilio sends no time."""
        try:
            fields = form(raw.body)
        except ValueError:
            raise Malformed("not a form") from None
        status = fields.get("MessageStatus", "received")
        try:
            return [_receipt(fields, status) if status != "received" else self._message(fields)]
        except BadContact:
            raise Malformed("no usable From and To") from None

    def acknowledge(self, outcome: Outcome) -> HttpReply:
        """Return empty TwiML, or 503 while nothing can be stored."""
        return BUSY if outcome.status == "busy" else ACCEPTED

    def _message(self, fields: Mapping[str, str]) -> Event:
        sid, sender = _sid(fields), fields.get("From", "")
        if sender == self._number:
            return Ignored(reason="own message")
        contact, entry, text = contact_of(sender), _entry(fields.get("To", "")), fields.get("Body")
        if text is None or len(text) > TEXT_LIMIT:
            raise Malformed("no Body, or one that is too long")
        opted = _OPT_OUT_TYPES.get(fields.get("OptOutType", "")) or opt_word(text)
        if opted:
            return ContactChange(contact=contact, entry=entry, dedupe_key=sid, change=opted)
        phone = phone_of(contact)
        return InboundMessage(
            contact=contact,
            entry=entry,
            dedupe_key=sid,
            text=text,
            media=_media(sid, fields),
            reporter=ReporterHint(phone=phone, verified_by="caller_id") if phone else None,
            native_id=sid,
            automated=not is_citizen(contact),
        )


def _receipt(fields: Mapping[str, str], status: str) -> Event:
    delivery = _DELIVERY.get(status)
    if delivery is None:
        return Ignored(reason="unknown message status")
    sid = _sid(fields)
    return Receipt(
        contact=contact_of(fields.get("To", "")),
        entry=_entry(fields.get("From", "")),
        dedupe_key=f"{sid}:{status}",
        sent_id=sid,
        delivery=delivery,
        error_code=fields.get("ErrorCode") or None,
    )


def _sid(fields: Mapping[str, str]) -> str:
    sid = fields.get("MessageSid", "")
    if not _SID.fullmatch(sid):
        raise Malformed("no MessageSid")
    return sid


def _entry(address: str) -> str:
    if not 1 <= len(address) <= 100 or not address.isprintable():
        raise Malformed("no usable number of ours")
    return address


def _media(sid: str, fields: Mapping[str, str]) -> tuple[MediaRef, ...]:
    count = fields.get("NumMedia") or "0"
    if count == "0":
        return ()
    if not (count.isascii() and count.isdigit() and len(count) <= 3):
        raise Malformed("NumMedia is not a number")
    return tuple(
        MediaRef(id=f"{sid}-{place}", kind=_kind(media_type), media_type=media_type, url=url)
        for place in range(min(int(count), ATTACHMENT_LIMIT))
        if (url := fields.get(f"MediaUrl{place}"))
        and (media_type := fields.get(f"MediaContentType{place}") or "application/octet-stream")
    )


def _kind(media_type: str) -> _MediaKind:
    return _MEDIA_KINDS.get(media_type.partition("/")[0].casefold(), "document")
