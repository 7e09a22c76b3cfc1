"""What the conformance kit must know of the telephone: one kind of webhook at a time."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from channels.voice.config import VoiceSettings
from channels.voice.simulator import TwilioSimulator, call_id, trial_public_key
from channels.voice.twiml.proof import TELNYX_SIGNATURE, TELNYX_TIME
from gateway.channel import RawRequest
from gateway.channel.conformance import Answered, Conformance

SETTINGS = {
    "kind": "voice",
    "account": "main",
    "provider": "twiml",
    "profile": "twilio",
    "account_sid": "AC0123456789abcdef0123456789abcdef",
    "auth_token": "an-invented-auth-token-0123456789",
}
_CITIZEN = "+8613800138000"
_CALL = call_id("conformance")
_RECORDING = "RE" + "1" * 32


def _deliveries(simulator: TwilioSimulator) -> Mapping[str, RawRequest]:
    return {
        "call": simulator.incoming(_CITIZEN, call=_CALL),
        "after_the_stream": simulator.goes_on(_CALL, _CITIZEN),
        "after_the_recording": simulator.recorded(_CALL, _CITIZEN),
        "end_of_call": simulator.status(_CALL, "completed", sender=_CITIZEN),
        "recording": simulator.recording(_CALL, _RECORDING),
        "unknown": simulator.status(_CALL, "teleported", sender=_CITIZEN),
    }


_TWIML = Answered(
    status=200,
    content_type="text/xml",
    body=b'<?xml version="1.0" encoding="UTF-8"?><Response/>',
)
_BUSY = Answered(
    status=503, content_type="text/plain; charset=utf-8", body=b"", headers={"Retry-After": "5"}
)
_ANSWERS = {"accepted": _TWIML, "duplicate": _TWIML, "ignored": _TWIML, "busy": _BUSY}

CONFORMANCE = Conformance(
    settings=SETTINGS,
    secrets=("auth_token",),
    senders=(_CITIZEN, "+8613900139000"),
    proof=("X-Twilio-Signature",),
    deliveries=_deliveries,
    acknowledgements=dict.fromkeys(
        ("", "/continue", "/step", "/wait", "/whisper", "/recorded", "/status", "/recording"),
        _ANSWERS,
    ),
)


def _telnyx() -> Mapping[str, str]:
    """Return an account at Telnyx for which the simulator can sign."""
    own = {
        **SETTINGS,
        "profile": "telnyx",
        "account_sid": "0b1c2d3e-0000-4000-8000-000000000001",
        "public_key": "A" * 43 + "=",
    }
    return {**own, "public_key": trial_public_key(VoiceSettings.model_validate(own))}


VARIANTS: Mapping[str, Conformance] = MappingProxyType(
    {
        "none": replace(CONFORMANCE, settings={**SETTINGS, "media": "none"}),
        "telnyx": replace(CONFORMANCE, settings=_telnyx(), proof=(TELNYX_SIGNATURE, TELNYX_TIME)),
    }
)
"""Accounts of other kinds that must keep every rule as well."""
