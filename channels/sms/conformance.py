"""What the conformance kit must know of Twilio."""

import json
from collections.abc import Mapping

from channels.sms.outbound import segments
from channels.sms.simulator import TwilioSimulator
from gateway.channel import RawRequest, SendFailure
from gateway.channel.conformance import Answered, Conformance, Failing, Outbound
from gateway.channel.http import EgressError, EgressErrorKind, EgressReply

_SETTINGS = {
    "kind": "sms",
    "account": "main",
    "provider": "twilio",
    "account_sid": "AC0123456789abcdef0123456789abcdef",
    "auth_token": "an-invented-auth-token-0123456789",
    "number": "+15005550006",
}
_SENT = "SM00000000000000000000000000000001"
_CITIZEN = "+8613800138000"


def _deliveries(simulator: TwilioSimulator) -> Mapping[str, RawRequest]:
    return {
        "image": simulator.image("井盖坏了", sender=_CITIZEN),
        "receipt": simulator.status(_SENT, "delivered", recipient=_CITIZEN),
        "earlier_receipt": simulator.status(_SENT, "sent", recipient=_CITIZEN),
        "unknown": simulator.status(_SENT, "teleported", recipient=_CITIZEN),
        "own": simulator.message("您的诉求已受理", sender="+15005550006"),
        "automated": simulator.message("您的验证码是 204816", sender="10086"),
    }


def _reply(
    status: int, body: Mapping[str, object] | bytes, headers: Mapping[str, str] | None = None
) -> EgressReply:
    return EgressReply(
        status=status,
        headers=headers or {},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        truncated=False,
        elapsed=0.01,
    )


def _problem(status: int, code: int, headers: Mapping[str, str] | None = None) -> EgressReply:
    return _reply(status, {"code": code, "message": f"about {_CITIZEN}", "status": status}, headers)


def _failing(
    name: str,
    answer: EgressReply | EgressError,
    expected: SendFailure,
    retry_after: float | None = None,
) -> Failing:
    return Failing(name=name, answer=answer, expected=expected, retry_after=retry_after)


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
    settings=_SETTINGS,
    secrets=("auth_token",),
    senders=(_CITIZEN, "+8613900139000"),
    proof=("X-Twilio-Signature",),
    deliveries=_deliveries,
    acknowledgements={"": _ANSWERS, "/status": _ANSWERS},
    outbound=Outbound(
        contact=f"tel:{_CITIZEN}",
        entry="+15005550006",
        success=_reply(201, {"sid": _SENT, "status": "queued"}),
        sent_id=_SENT,
        size_of=segments,
        refused_credentials=_problem(401, 20003),
        failures=(
            _failing(
                "asked to wait",
                _problem(429, 20429, {"retry-after": "30"}),
                SendFailure.THROTTLED,
                30.0,
            ),
            _failing("our queue is full", _problem(400, 21611), SendFailure.THROTTLED),
            _failing("the citizen wrote STOP", _problem(400, 21610), SendFailure.STOPPED),
            _failing("wrong credentials", _problem(401, 20003), SendFailure.CONFIG),
            _failing("forbidden", _reply(403, b"no"), SendFailure.CONFIG),
            _failing("not our number", _problem(400, 21606), SendFailure.CONFIG),
            _failing("not a number", _problem(400, 21211), SendFailure.INVALID),
            _failing("not a mobile", _problem(400, 21614), SendFailure.INVALID),
            _failing("some other refusal", _problem(400, 63038), SendFailure.REJECTED),
            _failing("server error", _reply(500, b"<html>oops"), SendFailure.UNKNOWN),
            _failing("bad gateway", _reply(502, b""), SendFailure.UNKNOWN),
            _failing("success without an id", _reply(201, {"sid": None}), SendFailure.UNKNOWN),
            _failing("success that is no JSON", _reply(201, b"ok"), SendFailure.UNKNOWN),
            _failing(
                "nothing listens",
                EgressError(EgressErrorKind.REFUSED, "no connection"),
                SendFailure.UNREACHABLE,
            ),
            _failing(
                "silence after sending",
                EgressError(EgressErrorKind.TIMEOUT, "no answer", request_sent=True),
                SendFailure.UNKNOWN,
            ),
            _failing(
                "an address we may not call",
                EgressError(EgressErrorKind.BLOCKED, "blocked"),
                SendFailure.CONFIG,
            ),
        ),
    ),
)
