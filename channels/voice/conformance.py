"""What the conformance kit must know of the telephone: one kind of webhook at a time."""

from collections.abc import Mapping

from channels.voice.simulator import TwilioSimulator, call_id
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
