"""The TwiML a provider is answered with: connect the call to us, and what if we are not there.

After ``<Connect>`` the provider goes on to ``<Redirect>`` whenever the media stream ends, however
it ends: a farewell, a crash, no stream at all. The answer there either hangs up or records.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from twilio.twiml.voice_response import Connect, VoiceResponse

from gateway.channel import HttpReply

Language = Literal["zh", "en"]

PARAMETER = "ticket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the provider's own voice says when the gateway's cannot be heard."""

    language: str
    go_on: str
    thanks: str


# Worded so that it suits both a caller who was cut off and one who has heard everything, for
# another process may have held the conversation.
WORDS: Mapping[Language, Words] = MappingProxyType(
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
    """The answers of one account; ``mount`` is its public address."""

    mount: str
    language: Language
    longest_s: int

    def connect(self, ticket: str) -> HttpReply:
        """Connect the call to our media socket."""
        response = VoiceResponse()
        connect = Connect()
        # http becomes ws, https becomes wss.
        stream = connect.stream(url="ws" + self.mount.removeprefix("http") + "/media")
        stream.parameter(name=PARAMETER, value=ticket)
        response.append(connect)
        response.redirect(self.mount + "/continue", method="POST")
        return _xml(response)

    def hang_up(self) -> HttpReply:
        """End the call."""
        response = VoiceResponse()
        response.hangup()
        return _xml(response)

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
        return _xml(response)

    def thank(self) -> HttpReply:
        """Say that the recording is there, and end the call."""
        words, response = WORDS[self.language], VoiceResponse()
        response.say(words.thanks, language=words.language)
        response.hangup()
        return _xml(response)


NOTHING = HttpReply(
    body=b'<?xml version="1.0" encoding="UTF-8"?><Response/>', content_type="text/xml"
)
BUSY = HttpReply(status=503, headers={"Retry-After": "5"})


def _xml(response: VoiceResponse) -> HttpReply:
    return HttpReply(body=str(response).encode(), content_type="text/xml")
