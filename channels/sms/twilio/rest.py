"""Sends one SMS through Twilio, and says in the contract's words why it did not go out.

Error codes: https://www.twilio.com/docs/api/errors. Twilio promises only of 429 that the
request was not processed, so every 5xx leaves it unknown whether the message is on its way.
"""

import asyncio
import importlib
from collections.abc import Sequence

from channels.sms import outbound
from channels.sms.config import SmsSettings
from channels.sms.twilio.api import ORIGIN, TwilioApi
from gateway.channel import ContactState, HttpClient, Part, Reply, SendError, SendFailure, Sent
from gateway.channel.http import EgressError, EgressErrorKind, EgressReply
from gateway.domain.contact import phone_of

_CODES = {
    20003: SendFailure.CONFIG,  # wrong credentials
    21212: SendFailure.CONFIG,  # From is no number
    21408: SendFailure.CONFIG,  # no permission for this country
    21603: SendFailure.CONFIG,  # From is missing
    21606: SendFailure.CONFIG,  # From cannot send SMS
    21608: SendFailure.CONFIG,  # a trial account may only write to its own numbers
    21659: SendFailure.CONFIG,  # From is not ours
    21660: SendFailure.CONFIG,  # From belongs to another account
    20429: SendFailure.THROTTLED,
    21611: SendFailure.THROTTLED,  # our queue at Twilio is full
    21610: SendFailure.STOPPED,
    21211: SendFailure.INVALID,  # To is no number
    21602: SendFailure.INVALID,  # no text
    21604: SendFailure.INVALID,  # no To
    21612: SendFailure.INVALID,  # To cannot be reached from this number
    21614: SendFailure.INVALID,  # To is no mobile
    21617: SendFailure.INVALID,  # text too long
}
_STATUSES = {
    401: SendFailure.CONFIG,
    403: SendFailure.CONFIG,
    404: SendFailure.CONFIG,
    429: SendFailure.THROTTLED,
}
# The library itself leaves the second one until its client is first used.
_LIBRARY = ("channels.sms.twilio.carrier", "twilio.rest.api.v2010.account")


class TwilioSender:
    """The way back to the citizen, and the health of the account."""

    def __init__(self, settings: SmsSettings, *, status_url: str, http: HttpClient) -> None:
        self._api = TwilioApi(settings)
        self._number = settings.number
        self._status_url = status_url
        self._http = http

    def render(self, reply: Reply, state: ContactState) -> Sequence[Part]:
        """Cut a reply into messages of at most ten segments each."""
        return outbound.render(reply, state)

    async def send(self, part: Part, http: HttpClient) -> Sent:
        """Hand one message to Twilio; raises ``SendError``."""
        from channels.sms.twilio.carrier import Carrier, client

        to = phone_of(part.contact)
        if to is None:
            raise SendError(SendFailure.INVALID)
        carrier = Carrier(self._api, http)
        try:
            message = await client(self._api, carrier).messages.create_async(
                to=to,
                # From the number the citizen knows, so that the answer lands in one thread.
                from_=part.entry if part.entry.startswith("+") else self._number,
                body=part.text,
                status_callback=self._status_url,
            )
            sid = message.sid
        except EgressError as error:
            failure = _unanswered(error)
        except Exception as error:  # the library raises whatever a bad answer causes
            failure = _refused(carrier.reply, getattr(error, "code", None))
        else:
            if isinstance(sid, str) and sid:
                return Sent(sent_id=sid)
            failure = SendError(SendFailure.UNKNOWN, code="no_sid")
        # Raised here and not above: the library's own error text quotes the citizen's number.
        raise failure

    async def connect(self) -> None:
        """Load Twilio's library now and off the event loop, not at the first answer."""
        for module in _LIBRARY:
            await asyncio.to_thread(importlib.import_module, module)

    async def close(self) -> None:
        """Nothing is held open: the HTTP port belongs to the core."""

    async def probe(self) -> str | None:
        """Ask Twilio for our account; None when it knows us."""
        sid = self._api.account_sid
        try:
            reply = await self._http.request(
                "GET",
                self._api.url(f"{ORIGIN}/2010-04-01/Accounts/{sid}.json"),
                headers={"Authorization": self._api.authorization()},
                allow=self._api.allow,
            )
        except EgressError as error:
            return f"Twilio cannot be reached ({error.kind}); check the network and base_url"
        if reply.status == 200:
            return None
        if reply.status in (401, 403, 404):
            return "Twilio refuses our credentials; check account_sid and auth_token in its console"
        return f"Twilio answers with status {reply.status}; see https://status.twilio.com"


def _unanswered(error: EgressError) -> SendError:
    if error.request_sent:
        return SendError(SendFailure.UNKNOWN, code=error.kind)
    if error.kind is EgressErrorKind.BLOCKED:
        return SendError(SendFailure.CONFIG, code=error.kind)
    return SendError(SendFailure.UNREACHABLE, code=error.kind)


def _refused(reply: EgressReply | None, code: object) -> SendError:
    if reply is None:
        return SendError(SendFailure.INVALID, code="unsendable")
    kind = _CODES.get(code) if isinstance(code, int) else None
    if kind is None:
        if 300 <= reply.status < 500:
            kind = _STATUSES.get(reply.status, SendFailure.REJECTED)
        else:
            kind = SendFailure.UNKNOWN
    return SendError(
        kind,
        code=str(code if isinstance(code, int) else reply.status),
        retry_after=_seconds(reply.headers.get("retry-after", "")),
    )


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
