"""Calls through a provider that speaks TwiML: signed webhooks and a two-way media stream."""

from typing import cast

from channels.voice import prompts
from channels.voice.config import VoiceSettings
from channels.voice.leg import Call
from channels.voice.session import Rules
from channels.voice.twiml.answers import Answers, Language
from channels.voice.twiml.api import Api, Health
from channels.voice.twiml.calls import Calls
from channels.voice.twiml.socket import MediaSocket
from channels.voice.twiml.ticket import Tickets
from channels.voice.twiml.webhooks import Question, RecordingNews, StatusNews
from gateway.channel import Account, ChannelSpec, HttpReply, Ports, Route
from gateway.config import ChannelSettings, ConfigError


def build(settings: ChannelSettings, ports: Ports) -> Account:
    """Return an account with its webhooks and media socket; all prompts are loaded here."""
    if not isinstance(settings, VoiceSettings):
        raise ConfigError(
            f"account {settings.account!r} has no telephone settings",
            "set kind: voice and its settings",
        )
    language = _language(settings, ports.site.language)
    calls = Calls(settings.max_calls)
    tickets = Tickets(ports.site.key, settings.account)
    answers = Answers(
        mount=f"{ports.site.public_url}/channels/voice/{settings.account}",
        language=language,
        longest_s=int(settings.statement_limit),
    )
    media = MediaSocket(
        settings=settings,
        ports=ports,
        prompts=prompts.load(settings.prompts or prompts.SHIPPED, language),
        language=language,
        rules=Rules(
            silence_s=settings.silence,
            no_speech_s=settings.no_speech,
            statement_s=settings.statement_limit,
        ),
        tickets=tickets,
        calls=calls,
    )

    def connect(call: Call) -> HttpReply:
        return answers.connect(tickets.seal(call, ports.clock.now()))

    def go_on(call: Call) -> HttpReply:
        if calls.is_complete(call.call_id):
            return answers.hang_up()
        return answers.record(tickets.seal(call, ports.clock.now()))

    def thank(call: Call) -> HttpReply:
        return answers.thank()

    return Account(
        spec=ChannelSpec(
            kind="voice",
            account=settings.account,
            body_limit=64 * 1024,
            # The longest Twilio waits (docs: usage/webhooks/webhooks-connection-overrides).
            ack_deadline_s=15.0,
            receipt_in_answer=True,
        ),
        routes=(
            Route(method="POST", path="", handler=Question(settings, connect)),
            Route(method="GET", path="/media", handler=media),
            Route(method="POST", path="/continue", handler=Question(settings, go_on)),
            Route(method="POST", path="/recorded", handler=Question(settings, thank)),
            Route(method="POST", path="/status", handler=StatusNews(settings, calls)),
            Route(method="POST", path="/recording", handler=RecordingNews(settings, tickets)),
        ),
        media=Api(settings),
        lifecycle=Health(settings, ports.http),
    )


def _language(settings: VoiceSettings, site: str) -> Language:
    """The account's own language, else the site's when there are prompts in it, else Chinese."""
    if settings.language:
        return settings.language
    primary = site.partition("-")[0].lower()
    return cast(Language, primary) if primary in ("zh", "en") else "zh"
