"""What all signed webhooks of an account have in common, and those that only bring news."""

from collections.abc import Mapping, Sequence

from channels.voice.leg import Call
from channels.voice.twiml import answers, inbound
from channels.voice.twiml.api import Api
from channels.voice.twiml.calls import Calls
from channels.voice.twiml.profile import Profile
from channels.voice.twiml.proof import Prover
from channels.voice.twiml.ticket import Tickets
from gateway.channel import HttpReply, Malformed, RawRequest
from gateway.channel.form import form
from gateway.domain.intake import CallEvent, Event, Outcome
from gateway.domain.intake import Ignored as Nothing

ABOUT_A_CALL = ("AccountSid", "CallSid", "From", "To")
ABOUT_A_STATUS = (*ABOUT_A_CALL, "CallStatus")
ABOUT_A_RECORDING = ("AccountSid", "CallSid", "RecordingSid", "RecordingStatus")
ABOUT_A_LEG = ("AccountSid", "CallSid")


class Signed:
    """A webhook of one account: proved as its profile has it, and a form."""

    expected: Sequence[str] = ABOUT_A_CALL

    def __init__(self, prover: Prover, profile: Profile) -> None:
        self._prover = prover
        self._profile = profile

    def verify(self, raw: RawRequest) -> None:
        """Raise ``Unverified`` unless the request is the provider's, for our account."""
        self._prover.check(raw, self.expected)

    def handshake(self, raw: RawRequest) -> HttpReply | None:
        """No provider asks a set-up question."""
        return None

    def acknowledge(self, outcome: Outcome) -> HttpReply:
        """Return empty TwiML, or 503 while nothing can be stored."""
        return answers.BUSY if outcome.status == "busy" else answers.NOTHING

    def call(self, raw: RawRequest) -> Call:
        """Return who called whom; raises ``Malformed``."""
        return inbound.call_of(fields_of(raw), self._profile)


class StatusNews(Signed):
    """The provider tells how a call ended: the safety net under the media stream.

    It comes in the moment the caller hangs up, seconds before the last words are recognised. While
    this process has the call in hand its own end follows, with recording and all; the provider's
    would close the draft too early.
    """

    expected = ABOUT_A_STATUS

    def __init__(self, prover: Prover, profile: Profile, calls: Calls) -> None:
        super().__init__(prover, profile)
        self._calls = calls

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Return the end of the call, unless its stream tells it; raises ``Malformed``."""
        event = inbound.status_of(fields_of(raw), self._profile)
        if isinstance(event, CallEvent) and self._calls.tells_its_end(event.conversation or ""):
            return [Nothing(reason="the media stream tells the end of this call")]
        return [event]


class RecordingNews(Signed):
    """The provider has recorded a statement that the gateway could not listen to."""

    expected = ABOUT_A_RECORDING

    def __init__(
        self, prover: Prover, profile: Profile, *, tickets: Tickets, api: Api, account: str
    ) -> None:
        super().__init__(prover, profile)
        self._tickets = tickets
        self._api = api
        self._account = account

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Return the recording as the caller's message; raises ``Malformed``."""
        return [
            inbound.recording_of(
                fields_of(raw),
                asked(raw).get("ticket", ""),
                tickets=self._tickets,
                api=self._api,
                account=self._account,
                profile=self._profile,
            )
        ]


def fields_of(raw: RawRequest) -> Mapping[str, str]:
    """Return the form; raises ``Malformed``."""
    try:
        return form(raw.body)
    except ValueError:
        raise Malformed("not a form") from None


def asked(raw: RawRequest) -> Mapping[str, str]:
    """Return what stands in the address; what makes no sense is not there."""
    try:
        return form(raw.query.encode())
    except ValueError:
        return {}
