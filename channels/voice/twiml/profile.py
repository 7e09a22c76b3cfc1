"""How the providers that speak TwiML differ; everything else about them is the same.

What each page says was read in November 2026 and could not be tried: see ``docs/how-to``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Proof(StrEnum):
    """How a provider proves that a request is its own."""

    TWILIO = "twilio"
    """HMAC-SHA1 over address and form, by the auth token, in ``X-Twilio-Signature``."""
    SIGNALWIRE = "signalwire"
    """The same by a signing key of its own, in ``X-SignalWire-Signature``."""
    TELNYX = "telnyx"
    """Ed25519 over time and body. The address is not covered, so tickets bind what is in it."""
    BASIC = "basic"
    """Nothing is signed: name and secret in ``Authorization``, and tickets in our addresses."""


class Case(StrEnum):
    """How the fields of a media stream's messages are spelled."""

    CAMEL = "camel"
    SNAKE = "snake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One dialect.

    ``api`` is where the REST calls go, None where each customer has an address of its own
    (``base_url``). ``bearer`` tells that they carry the token alone instead of account and token.
    ``account_path`` and ``call_path`` are addresses below it, with ``{account}`` and ``{call}``;
    None where there is no such thing. ``encodings`` are what the media frames may say they carry,
    ``stream`` the attributes a ``<Stream>`` needs for that, ``overhears`` those of a one-way stream
    of both tracks that goes on beside a ``<Dial>``, None where there is no such thing. ``window``
    is how many frames are held back to put late ones in their place. ``withheld`` are the values of
    ``From`` that mean "number withheld or unknown". ``account``, ``call`` and ``recording``
    describe the ids.
    """

    name: str
    title: str
    api: str | None
    proof: Proof = Proof.TWILIO
    bearer: bool = False
    account_path: str | None = "/2010-04-01/Accounts/{account}.json"
    call_path: str | None = "/2010-04-01/Accounts/{account}/Calls/{call}.json"
    case: Case = Case.CAMEL
    encodings: frozenset[str] = frozenset({"audio/x-mulaw"})
    stream: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    overhears: Mapping[str, str] | None = None
    window: int = 0
    withheld: frozenset[str]
    account: re.Pattern[str]
    call: re.Pattern[str]
    recording: re.Pattern[str]
    goes_on: bool = True
    """After a media stream has ended, the rest of the document is executed."""
    records: bool = True
    """Recordings can be fetched."""
    foreign_recordings: bool = False
    """Recordings lie at addresses of a file store, which need no credentials."""
    hears: bool = True
    """``<Gather>`` understands speech."""
    whispers: bool = True
    """Whoever answers a ``<Dial>`` can be told something first."""
    queues: bool = True
    """There are ``<Enqueue>`` and ``<Leave>``."""
    status_times: bool = True
    """A status callback comes with the time of what it tells."""


_WITHHELD = frozenset(
    {"", "anonymous", "restricted", "blocked", "unknown", "unavailable", "private"}
)
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.ASCII | re.IGNORECASE)


_ANY_ID = _pattern(r"[A-Za-z0-9][A-Za-z0-9._:=@+-]{5,127}")

TWILIO = Profile(
    name="twilio",
    title="Twilio",
    api="https://api.twilio.com",
    # Twilio spells ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE on a telephone's keys
    # (https://help.twilio.com/articles/223179988).
    withheld=_WITHHELD | {"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"},
    account=_pattern("AC[0-9a-f]{32}"),
    call=_pattern("CA[0-9a-f]{32}"),
    recording=_pattern("RE[0-9a-f]{32}"),
    # <Start><Stream track="both_tracks"> (https://www.twilio.com/docs/voice/twiml/stream).
    overhears=_NOTHING,
)

SIGNALWIRE = Profile(
    name="signalwire",
    title="SignalWire",
    # https://<space>.signalwire.com/api/laml: each space has its own
    # (https://developer.signalwire.com/rest/compatibility-api/overview).
    api=None,
    # https://signalwire.com/docs/server-sdks/reference/python/core/security
    proof=Proof.SIGNALWIRE,
    # The default codec of a stream is PCMU@8000h
    # (https://developer.signalwire.com/compatibility-api/cxml/voice/stream).
    encodings=frozenset({"audio/x-mulaw", "audio/mulaw", "pcmu"}),
    overhears=_NOTHING,
    withheld=_WITHHELD,
    account=_pattern(_UUID),
    call=_pattern(_UUID),
    recording=_pattern(rf"(RE)?({_UUID}|[0-9a-f]{{32}})"),
)

TELNYX = Profile(
    name="telnyx",
    title="Telnyx",
    api="https://api.telnyx.com/v2/texml",
    # https://developers.telnyx.com/api-reference/callbacks/texml-gather
    proof=Proof.TELNYX,
    bearer=True,
    account_path=None,
    # https://developers.telnyx.com/docs/voice/programmable-voice/texml-twiml-compatibility
    call_path="/Accounts/{account}/Calls/{call}",
    # https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket
    case=Case.SNAKE,
    encodings=frozenset({"pcmu"}),
    # Without these a stream plays MP3 only, and takes the codec of the call
    # (https://developers.telnyx.com/docs/voice/programmable-voice/texml-verbs/stream).
    stream=MappingProxyType(
        {
            "bidirectionalMode": "rtp",
            "bidirectionalCodec": "PCMU",
            "bidirectionalSamplingRate": "8000",
            "codec": "PCMU",
        }
    ),
    # The same page: both_tracks within <Start>, and codec for either way.
    overhears=MappingProxyType({"codec": "PCMU"}),
    # "Media frame order is not guaranteed": 100 ms make up for it.
    window=5,
    withheld=_WITHHELD,
    account=_pattern(_UUID),
    call=_ANY_ID,
    recording=_ANY_ID,
    # "Recording URLs are valid for 10 minutes": they are signed addresses of a file store
    # (https://developers.telnyx.com/docs/voice/programmable-voice/texml-verbs/record).
    foreign_recordings=True,
    whispers=False,
)

SOMLENG = Profile(
    name="somleng",
    title="Somleng",
    api="https://api.somleng.org",
    # somleng/somleng-switch, twiml_endpoint.rb: Twilio's own signature.
    withheld=_WITHHELD,
    account=_pattern(rf"AC[0-9a-f]{{32}}|{_UUID}"),
    call=_pattern(rf"CA[0-9a-f]{{32}}|{_UUID}"),
    recording=_pattern(rf"RE[0-9a-f]{{32}}|{_UUID}"),
    # gather_verb.rb and dial_verb.rb of the same: keys only, no address on <Number>, no <Enqueue>.
    hears=False,
    whispers=False,
    queues=False,
)

KAZOO = Profile(
    name="kazoo",
    title="2600Hz Kazoo Pivot",
    api=None,
    proof=Proof.BASIC,
    account_path=None,
    call_path=None,
    # "audio/L16 by default" (https://docs.2600hz.com/developers/pivot/pivot-twi-ml-response-format/
    # stream); which order the octets have is not said there.
    encodings=frozenset({"audio/l16", "audio/x-l16", "l16"}),
    withheld=_WITHHELD,
    account=_pattern("[0-9a-f]{32}"),
    call=_ANY_ID,
    recording=_ANY_ID,
    # The same page: when the stream ends, so does the call.
    goes_on=False,
    # Recordings are put somewhere, not offered (https://docs.2600hz.com/kazoo/pivot/pivot-requests).
    records=False,
    hears=False,
    whispers=False,
    queues=False,
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {one.name: one for one in (TWILIO, SIGNALWIRE, TELNYX, SOMLENG, KAZOO)}
)
