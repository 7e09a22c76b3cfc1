"""The signed webhooks of an account: questions ("what now with this call?") and news."""

from collections.abc import Callable, Mapping, Sequence

from channels.voice.config import VoiceSettings
from channels.voice.leg import Call
from channels.voice.twiml import answers, inbound
from channels.voice.twiml.api import Api
from channels.voice.twiml.calls import Calls
from channels.voice.twiml.profile import PROFILES
from channels.voice.twiml.ticket import Tickets
from gateway.channel import HttpReply, Malformed, RawRequest
from gateway.channel.twilio_signature import TwilioSignature, form
from gateway.domain.intake import CallEvent, Event, Ignored, Outcome

_ABOUT_A_CALL = ("AccountSid", "CallSid", "From", "To", "CallStatus")
_ABOUT_A_RECORDING = ("AccountSid", "CallSid", "RecordingSid", "RecordingStatus")


class _Signed:
    """What both kinds have in common: Twilio's signature, and forms."""

    def __init__(self, settings: VoiceSettings, expected: Sequence[str]) -> None:
        tokens = [token.get_secret_value() for token in settings.auth_token]
        self._signature = TwilioSignature(settings.account_sid, tokens, expected=expected)
        self._profile = PROFILES[settings.profile]

    def verify(self, raw: RawRequest) -> None:
        """Raise ``Unverified`` unless the provider signed the request for our account."""
        self._signature.check(raw)

    def handshake(self, raw: RawRequest) -> HttpReply | None:
        """No provider asks a set-up question."""
        return None


class Question(_Signed):
    """The provider asks what to do with a call; the answer is TwiML, and nothing is stored.

    The call is stored when its media stream begins: only then is there somebody to listen to.
    """

    def __init__(self, settings: VoiceSettings, answer: Callable[[Call], HttpReply]) -> None:
        super().__init__(settings, _ABOUT_A_CALL)
        self._answer = answer

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Check that the form names a call; raises ``Malformed``."""
        self._call(raw)
        return [Ignored(reason="a question about a call")]

    def acknowledge(self, outcome: Outcome) -> HttpReply:
        """Say nothing; the answer to a question depends on the question."""
        return answers.BUSY if outcome.status == "busy" else answers.NOTHING

    def answer(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Say what to do with this call."""
        return self._answer(self._call(raw))

    def _call(self, raw: RawRequest) -> Call:
        return inbound.call_of(_form(raw), self._profile)


class StatusNews(_Signed):
    """The provider tells how a call ended: the safety net under the media stream.

    It comes in the moment the caller hangs up, seconds before the last words are recognised. While
    this process has the call in hand its own end follows, with recording and all; the provider's
    would close the draft too early.
    """

    def __init__(self, settings: VoiceSettings, calls: Calls) -> None:
        super().__init__(settings, _ABOUT_A_CALL)
        self._calls = calls

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Return the end of the call, unless its stream tells it; raises ``Malformed``."""
        event = inbound.status_of(_form(raw), self._profile)
        if isinstance(event, CallEvent) and self._calls.tells_its_end(event.conversation or ""):
            return [Ignored(reason="the media stream tells the end of this call")]
        return [event]

    def acknowledge(self, outcome: Outcome) -> HttpReply:
        """Return empty TwiML, or 503 while nothing can be stored."""
        return answers.BUSY if outcome.status == "busy" else answers.NOTHING


class RecordingNews(_Signed):
    """The provider has recorded a statement that the gateway could not listen to."""

    def __init__(self, settings: VoiceSettings, tickets: Tickets) -> None:
        super().__init__(settings, _ABOUT_A_RECORDING)
        self._tickets = tickets
        self._api = Api(settings)
        self._account = settings.account

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Return the recording as the caller's message; raises ``Malformed``."""
        try:
            ticket = form(raw.query.encode()).get("ticket", "")
        except ValueError:
            ticket = ""
        return [
            inbound.recording_of(
                _form(raw), ticket, tickets=self._tickets, api=self._api, account=self._account
            )
        ]

    def acknowledge(self, outcome: Outcome) -> HttpReply:
        """Return empty TwiML, or 503 while nothing can be stored."""
        return answers.BUSY if outcome.status == "busy" else answers.NOTHING


def _form(raw: RawRequest) -> Mapping[str, str]:
    try:
        return form(raw.body)
    except ValueError:
        raise Malformed("not a form") from None
