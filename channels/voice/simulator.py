"""A TwiML provider's side of a call: proved webhooks, and a media stream spoken as it does.

Telnyx signs with a key that only it has. Who wants to try such an account without Telnyx gives it
the public half of a key that is derived from its own ``auth_token`` (``trial_key``).
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from secrets import token_hex
from uuid import uuid4

from aiohttp import encode_basic_auth
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from multidict import CIMultiDict
from twilio.request_validator import SIGNATURE_HEADER

from channels.voice.config import VoiceSettings
from channels.voice.twiml.caller import Line, follow, place_call
from channels.voice.twiml.profile import PROFILES, Proof
from channels.voice.twiml.proof import SIGNALWIRE_HEADER, TELNYX_SIGNATURE, TELNYX_TIME
from gateway.channel import RawRequest
from gateway.channel.simulation import PlacedCall
from gateway.channel.twilio_simulation import TwilioPost
from gateway.config import ChannelSettings, ConfigError
from gateway.domain.clock import SystemClock
from gateway.domain.ids import Clock

DIALLED = "+15005550006"


class TwilioSimulator(TwilioPost):
    """Makes the requests and the calls Twilio would make for one account."""

    def __init__(self, settings: VoiceSettings, public_url: str) -> None:
        self._settings = settings
        self._public_url = public_url
        mount = f"{public_url}/channels/voice/{settings.account}"
        self._profile = PROFILES[settings.profile]
        keys = settings.signing_key if self._profile.proof is Proof.SIGNALWIRE else ()
        super().__init__(mount, (*keys, *settings.auth_token)[0].get_secret_value())
        self.clock: Clock = SystemClock()

    def signed(self, raw: RawRequest) -> RawRequest:
        """Return ``raw`` with the proof the provider would give its body."""
        by_twilio = super().signed(raw)
        headers = CIMultiDict(by_twilio.headers)
        signature = headers.pop(SIGNATURE_HEADER)
        secret = self._settings.auth_token[0].get_secret_value()
        match self._profile.proof:
            case Proof.TWILIO:
                return by_twilio
            case Proof.SIGNALWIRE:
                headers[SIGNALWIRE_HEADER] = signature
            case Proof.TELNYX:
                stamp = str(int(self.clock.now().timestamp()))
                proof = trial_key(self._settings).sign(stamp.encode() + b"|" + raw.body)
                headers[TELNYX_TIME] = stamp
                headers[TELNYX_SIGNATURE] = b64encode(proof).decode("ascii")
            case Proof.BASIC:
                headers["Authorization"] = encode_basic_auth(self._settings.account_sid, secret)
        return replace(by_twilio, headers=headers)

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
        settings = self._settings
        if settings.public_key and settings.public_key != trial_public_key(settings):
            raise ConfigError(
                f"no call can be simulated for account {settings.account!r}: "
                "only Telnyx has its key",
                f"to try it without Telnyx, set public_key: {trial_public_key(settings)}",
            )
        return Line(
            simulator=self,
            settings=self._settings,
            public_url=self._public_url,
            server=server.rstrip("/"),
            speed=speed,
            call_id=str(uuid4()) if self._profile.proof is Proof.SIGNALWIRE else call_id(),
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


def trial_key(settings: VoiceSettings) -> Ed25519PrivateKey:
    """Return the key that stands in Telnyx' place for an account on trial."""
    secret = settings.auth_token[0].get_secret_value().encode()
    return Ed25519PrivateKey.from_private_bytes(sha256(b"in Telnyx' place:" + secret).digest())


def trial_public_key(settings: VoiceSettings) -> str:
    """Return the ``public_key`` with which an account can be tried without Telnyx."""
    return b64encode(trial_key(settings).public_key().public_bytes_raw()).decode("ascii")


def call_id(seed: str | None = None) -> str:
    """Return a new CallSid, or always the same one for a ``seed``."""
    return "CA" + (seed.encode().hex().zfill(32)[-32:] if seed else token_hex(16))


def simulator(settings: ChannelSettings, public_url: str) -> TwilioSimulator:
    """Return the simulator of one account; ``public_url`` is the site's.

    Raises ``ConfigError`` for an account whose provider cannot be played.
    """
    if not isinstance(settings, VoiceSettings):
        raise ConfigError(f"account {settings.account!r} has no voice settings", "set kind: voice")
    if settings.provider != "twiml":
        raise ConfigError(
            f"nobody can be simulated for account {settings.account!r}",
            "call a PBX with a softphone",
        )
    return TwilioSimulator(settings, public_url)
