"""Twilio's side of a telephone call: signed webhooks, and a media stream spoken as Twilio does."""

from collections.abc import Mapping, Sequence
from secrets import token_hex

from channels.voice.config import VoiceSettings
from channels.voice.twiml.caller import Line, follow, place_call
from gateway.channel import RawRequest
from gateway.channel.simulation import PlacedCall
from gateway.channel.twilio_simulation import TwilioPost
from gateway.config import ChannelSettings, ConfigError

DIALLED = "+15005550006"
# Telnyx signs with a key that only it has; the others name calls in their own ways.
_SIMULATED = frozenset({"twilio", "somleng"})


class TwilioSimulator(TwilioPost):
    """Makes the requests and the calls Twilio would make for one account."""

    def __init__(self, settings: VoiceSettings, public_url: str) -> None:
        self._settings = settings
        self._public_url = public_url
        mount = f"{public_url}/channels/voice/{settings.account}"
        super().__init__(mount, settings.auth_token[0].get_secret_value())

    def message(self, text: str, *, sender: str, message_id: str | None = None) -> RawRequest:
        """Return the news of a recorded statement, the one delivery that is a whole message.

        A recording has no text, so ``text`` only tells one recording from another; nor does it
        say who called unless its address carries a ticket, so ``sender`` picks the call.
        """
        recording = "RE" + (message_id or token_hex(17))[2:]
        return self.recording(call_id(sender), recording, seconds=max(1, len(text)))

    def incoming(self, sender: str, *, call: str | None = None, to: str = DIALLED) -> RawRequest:
        """Return the question what to do with a new call."""
        return self.request("", self.about(call or call_id(), sender, to, "ringing"))

    def goes_on(self, call: str, sender: str, *, to: str = DIALLED) -> RawRequest:
        """Return the question what to do after the media stream."""
        return self.request("/continue", self.about(call, sender, to, "in-progress"))

    def recorded(self, call: str, sender: str, *, to: str = DIALLED) -> RawRequest:
        """Return the question what to do after a recording."""
        return self.request("/recorded", self.about(call, sender, to, "in-progress"))

    def status(
        self, call: str, status: str, *, sender: str, to: str = DIALLED, seconds: int = 30
    ) -> RawRequest:
        """Return the news that a call has reached a status."""
        fields = self.about(call, sender, to, status)
        return self.request("/status", {**fields, "CallDuration": str(seconds)})

    def recording(
        self, call: str, recording: str, *, ticket: str = "", seconds: int = 10, **fields: str
    ) -> RawRequest:
        """Return the news that a recording is ready."""
        account = self._settings.account_sid
        url = f"https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{recording}"
        given = {
            "AccountSid": account,
            "CallSid": call,
            "RecordingSid": recording,
            "RecordingUrl": url,
            "RecordingStatus": "completed",
            "RecordingDuration": str(seconds),
            "RecordingChannels": "1",
            "RecordingSource": "RecordVerb",
            **fields,
        }
        return self.request("/recording", given, query=f"ticket={ticket}" if ticket else "")

    async def place_call(
        self,
        pcm: bytes,
        *,
        sender: str,
        server: str,
        speed: float = 1.0,
        keys: str = "",
        hang_up_after_ms: int | None = None,
    ) -> PlacedCall:
        """Place one call (see ``gateway.channel.simulation.PlacesCalls``)."""
        return await place_call(
            self._line(server, speed),
            pcm,
            sender=sender,
            keys=keys,
            hang_up_after_ms=hang_up_after_ms,
        )

    async def follow_script(
        self, script: Sequence[str], *, sender: str, server: str, speed: float = 1.0
    ) -> PlacedCall:
        """Place one call (see ``gateway.channel.simulation.FollowsScripts``)."""
        return await follow(self._line(server, speed), script, sender=sender)

    def _line(self, server: str, speed: float) -> Line:
        return Line(
            simulator=self,
            settings=self._settings,
            public_url=self._public_url,
            server=server.rstrip("/"),
            speed=speed,
            call_id=call_id(),
        )

    def about(
        self, call: str, sender: str, to: str = DIALLED, status: str = "in-progress"
    ) -> Mapping[str, str]:
        """Return what every request about a call says."""
        return {
            "AccountSid": self._settings.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": call,
            "CallStatus": status,
            "Called": to,
            "Caller": sender,
            "CallerCountry": "CN",
            "CallerCity": "",
            "Direction": "inbound",
            "From": sender,
            "To": to,
        }


def call_id(seed: str | None = None) -> str:
    """Return a new CallSid, or always the same one for a ``seed``."""
    return "CA" + (seed.encode().hex().zfill(32)[-32:] if seed else token_hex(16))


def simulator(settings: ChannelSettings, public_url: str) -> TwilioSimulator:
    """Return the simulator of one account; ``public_url`` is the site's.

    Raises ``ConfigError`` for an account whose provider cannot be played.
    """
    if not isinstance(settings, VoiceSettings):
        raise ConfigError(f"account {settings.account!r} has no voice settings", "set kind: voice")
    if settings.provider != "twiml" or settings.profile not in _SIMULATED:
        raise ConfigError(
            f"nobody can be simulated for account {settings.account!r}",
            "call a PBX with a softphone; for another carrier try an account of profile: twilio",
        )
    return TwilioSimulator(settings, public_url)
