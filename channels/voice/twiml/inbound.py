"""Reads the signed forms a TwiML provider posts about a call (pure).

Sources: https://www.twilio.com/docs/voice/twiml#request-parameters and
https://www.twilio.com/docs/voice/twiml/record#attributes-recording-status-callback; more fields
may come at any time, so unknown ones are no error.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from channels.voice.events import contact_of, reporter_of
from channels.voice.leg import Call
from channels.voice.twiml.api import Api
from channels.voice.twiml.profile import Profile
from channels.voice.twiml.ticket import BadTicket, Tickets
from gateway.channel import Malformed
from gateway.domain.intake import (
    CallEvent,
    CallMoment,
    Event,
    Ignored,
    InboundMessage,
    MediaRef,
)

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_ADDRESS = re.compile(r"(sip|sips|client|whatsapp):(\S{1,180})", re.ASCII)

_MOMENTS: Mapping[str, CallMoment] = {
    "completed": CallMoment.ENDED,
    "busy": CallMoment.ABANDONED,
    "failed": CallMoment.ABANDONED,
    "no-answer": CallMoment.ABANDONED,
    "canceled": CallMoment.ABANDONED,
}


def call_of(fields: Mapping[str, str], profile: Profile) -> Call:
    """Return who called whom; raises ``Malformed``."""
    sid, dialled = fields.get("CallSid", ""), fields.get("To", "")
    if not profile.call.fullmatch(sid):
        raise Malformed("no CallSid")
    if not 1 <= len(dialled) <= 100 or not dialled.isprintable():
        raise Malformed("no usable number of ours")
    return Call(call_id=sid, caller=_caller(fields.get("From", ""), profile), dialled=dialled)


def _caller(given: str, profile: Profile) -> str | None:
    if given.casefold() in profile.withheld:
        return None
    if _E164.fullmatch(given):
        return given
    if address := _ADDRESS.fullmatch(given):
        return f"{address[1]}:{address[2]}"
    # A short or odd number is still worth showing to whoever calls back.
    if given.isprintable() and len(given) <= 100:
        return f"phone:{given}"
    raise Malformed("no usable From")


def status_of(fields: Mapping[str, str], profile: Profile) -> Event:
    """Return what a call status callback says; raises ``Malformed``.

    It is the safety net under the media stream: it comes even when this process died in the call.
    """
    call, status = call_of(fields, profile), fields.get("CallStatus", "")
    moment = _MOMENTS.get(status)
    if moment is None:
        return Ignored(reason="call status that needs no storing")
    return CallEvent(
        contact=contact_of(call),
        entry=call.dialled,
        dedupe_key=f"{call.call_id}:status:{status}",
        occurred_at=_time(fields.get("Timestamp", "")),
        conversation=call.call_id,
        moment=moment,
        reporter=reporter_of(call),
        duration_ms=_milliseconds(fields.get("CallDuration", "")),
        cause=f"carrier_{status.replace('-', '_')}",
    )


def recording_of(
    fields: Mapping[str, str],
    ticket: str,
    *,
    tickets: Tickets,
    api: Api,
    account: str,
    profile: Profile,
) -> Event:
    """Return the recorded statement of a caller whom the gateway could not listen to.

    The form does not say who called; the ticket in its address does. Raises ``Malformed``.
    """
    if fields.get("RecordingStatus", "completed") != "completed":
        return Ignored(reason="recording without audio")
    sid, url = fields.get("RecordingSid", ""), fields.get("RecordingUrl", "")
    named = profile.call.fullmatch(fields.get("CallSid", ""))
    if not named or not profile.recording.fullmatch(sid):
        raise Malformed("no CallSid and RecordingSid")
    if not api.takes(url) or len(url) > 2000:
        raise Malformed("a recording that is not at the provider")
    try:
        call = tickets.open(ticket)
    except BadTicket:
        # The form itself is signed: a recording is kept even when nobody can say whose it is.
        call = Call(call_id=fields["CallSid"], caller=None, dialled=account)
    if call.call_id != fields["CallSid"]:
        raise Malformed("a recording of another call")
    return InboundMessage(
        contact=contact_of(call),
        entry=call.dialled,
        dedupe_key=f"{call.call_id}:recording:{sid}",
        occurred_at=_time(fields.get("RecordingStartTime", "")),
        conversation=call.call_id,
        media=(
            MediaRef(
                id=sid,
                kind="recording",
                media_type="audio/wav",
                url=_as_wav(url),
                duration_ms=_milliseconds(fields.get("RecordingDuration", "")),
            ),
        ),
        reporter=reporter_of(call),
        native_id=sid,
    )


def _as_wav(url: str) -> str:
    """Return the address of a recording; one without a file type is asked for as WAV."""
    path, mark, query = url.partition("?")
    return url if "." in path.rpartition("/")[2] else f"{path}.wav{mark}{query}"


def _milliseconds(seconds: str) -> int | None:
    plain = seconds.isascii() and seconds.isdigit() and len(seconds) < 7
    return int(seconds) * 1000 if plain else None


def _time(given: str) -> datetime | None:
    """Return an RFC 2822 time; a bad one is no reason to lose what it came with."""
    try:
        at = parsedate_to_datetime(given)
    except ValueError:
        return None
    return at if at.tzinfo else None
