"""The TwiML a provider is answered with: connect the call to us, and what if we are not there.

After ``<Connect>`` the provider goes on to ``<Redirect>`` whenever the media stream ends, however
it ends: a farewell, a crash, no stream at all. The answer there either hangs up or records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import quote

from twilio.twiml.voice_response import Connect, Start, Stop, VoiceResponse

from gateway.channel import HttpReply

PARAMETER = "ticket"
TALK = "talk"
"""The name of the stream that listens to two people."""
# Name and value of a parameter may have 500 characters together
# (https://www.twilio.com/docs/voice/twiml/stream).
_PIECE = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the provider's own voice says when the gateway's cannot be heard."""

    language: str
    go_on: str
    thanks: str


# Worded so that it suits both a caller who was cut off and one who has heard everything, for
# another process may have held the conversation.
WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "zh": Words(
            language="zh-CN",
            go_on="线路中断了。如果您的话还没有说完，请在提示音之后继续说，说完请挂机。",
            thanks="您的留言已经录音，感谢您的来电，再见。",
        ),
        "en": Words(
            language="en-US",
            go_on="The line was interrupted. If you were not finished, please go on after the "
            "tone. When you are finished, hang up.",
            thanks="Your message has been recorded. Thank you for calling. Goodbye.",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers of one account; ``mount`` is its public address.

    ``stream`` are the attributes the provider's ``<Stream>`` needs beside its address,
    ``overhears`` those of one that listens to both sides.
    """

    mount: str
    language: str
    longest_s: int
    stream: Mapping[str, str] = field(default_factory=dict)
    overhears: Mapping[str, str] = field(default_factory=dict)

    def connect(self, ticket: str, *, after_talk: bool = False) -> HttpReply:
        """Connect the call to our media socket."""
        response = begun(after_talk)
        connect = Connect()
        stream = connect.stream(url=self._socket("/media"), **self.stream)
        for name, value in parameters(ticket).items():
            stream.parameter(name=name, value=value)
        response.append(connect)
        response.redirect(self.mount + "/continue", method="POST")
        return xml(response)

    def overheard(self, ticket: str) -> Start:
        """Return the verb that lets us listen to what the caller and a person say to each other."""
        start = Start()
        stream = start.stream(
            name=TALK, url=self._socket("/talk"), track="both_tracks", **self.overhears
        )
        for name, value in parameters(ticket).items():
            stream.parameter(name=name, value=value)
        return start

    def _socket(self, path: str) -> str:
        # http becomes ws, https becomes wss.
        return "ws" + self.mount.removeprefix("http") + path

    def hang_up(self) -> HttpReply:
        """End the call."""
        response = VoiceResponse()
        response.hangup()
        return xml(response)

    def record(self, ticket: str) -> HttpReply:
        """Let the provider record what the caller still has to say."""
        words, response = WORDS[self.language], VoiceResponse()
        response.say(words.go_on, language=words.language)
        response.record(
            action=self.mount + "/recorded",
            method="POST",
            timeout=10,
            max_length=self.longest_s,
            play_beep=True,
            trim="do-not-trim",
            recording_status_callback=f"{self.mount}/recording?ticket={quote(ticket)}",
            recording_status_callback_method="POST",
            recording_status_callback_event="completed absent",
        )
        # Reached only when nothing was recorded; <Record> goes to its action otherwise.
        response.hangup()
        return xml(response)

    def thank(self) -> HttpReply:
        """Say that the recording is there, and end the call."""
        words, response = WORDS[self.language], VoiceResponse()
        response.say(words.thanks, language=words.language)
        response.hangup()
        return xml(response)


NOTHING = HttpReply(
    body=b'<?xml version="1.0" encoding="UTF-8"?><Response/>', content_type="text/xml"
)
BUSY = HttpReply(status=503, headers={"Retry-After": "5"})


def begun(after_talk: bool) -> VoiceResponse:
    """Return a document to be filled; after a talk it ends the listening first."""
    response = VoiceResponse()
    if after_talk:
        stop = Stop()
        stop.stream(name=TALK)
        response.append(stop)
    return response


def parameters(ticket: str) -> Mapping[str, str]:
    """Return a ticket as the parameters of a stream, none of which may be long."""
    pieces = [ticket[start : start + _PIECE] for start in range(0, len(ticket), _PIECE)]
    return {f"{PARAMETER}{number or ''}": piece for number, piece in enumerate(pieces)}


def ticket_of(given: Mapping[str, str]) -> str:
    """Return the ticket that parameters of a stream carry, empty when there is none."""
    pieces: list[str] = []
    while (name := f"{PARAMETER}{len(pieces) or ''}") in given:
        pieces.append(given[name])
    return "".join(pieces)


def xml(response: VoiceResponse) -> HttpReply:
    """Return a document as the provider expects it."""
    return HttpReply(body=str(response).encode(), content_type="text/xml")
