"""Calls through a provider that speaks TwiML: signed webhooks, and live audio or none at all."""

from channels.voice import telephone
from channels.voice.config import VoiceSettings
from channels.voice.leg import Call
from channels.voice.twiml.answers import Answers
from channels.voice.twiml.api import Api, Health
from channels.voice.twiml.calls import Calls
from channels.voice.twiml.desk import Desk
from channels.voice.twiml.journey import Journeys
from channels.voice.twiml.live import LiveCalls
from channels.voice.twiml.passage import Passage, Passes
from channels.voice.twiml.profile import PROFILES, Profile
from channels.voice.twiml.prompt_files import PATH, PromptFiles
from channels.voice.twiml.proof import prover
from channels.voice.twiml.questions import Question
from channels.voice.twiml.socket import MediaSocket
from channels.voice.twiml.steps import Answer, Continued, FirstQuestion, InQueue, Whisper
from channels.voice.twiml.talk import TalkSocket, TalkTickets
from channels.voice.twiml.ticket import Tickets
from channels.voice.twiml.verbs import Verbs
from channels.voice.twiml.webhooks import RecordingNews, StatusNews
from gateway.channel import Account, ChannelSpec, HttpReply, Ports, Route
from gateway.config import ChannelSettings, ConfigError


def build(settings: ChannelSettings, ports: Ports) -> Account:
    """Return an account with its webhooks; flow and prompts are loaded here.

    Raises ``ConfigError`` for settings that do not fit the profile, a bad flow, a bad prompt.
    """
    if not isinstance(settings, VoiceSettings):
        raise ConfigError(
            f"account {settings.account!r} has no telephone settings",
            "set kind: voice and its settings",
        )
    profile = _profile(settings)
    phone = telephone.telephone(settings, ports)
    mount = f"{ports.site.public_url}/channels/voice/{settings.account}"
    proof = prover(settings, ports.clock)
    calls, api = Calls(), Api(settings)
    tickets = Tickets(ports.site.key, settings.account)
    passes = Passes(ports.site.key, settings.account)
    talks = TalkTickets(ports.site.key, settings.account)
    files = PromptFiles(lambda: phone.prompts, mount)
    answers = Answers(
        mount=mount,
        language=phone.language,
        longest_s=int(settings.statement_limit),
        stream=profile.stream,
        overhears=profile.overhears or {},
    )
    desk = Desk(
        settings=settings,
        profile=profile,
        ports=ports,
        journeys=Journeys(
            flows=phone,
            language=phone.language,
            hears=profile.hears,
            connects=bool(settings.targets),
        ),
        passes=passes,
        tickets=tickets,
        talks=talks,
        answers=answers,
        verbs=Verbs(profile=profile, files=files, hears=profile.hears),
        calls=calls,
        live=LiveCalls(api, ports.http, ports.log),
        mount=mount,
    )
    media = MediaSocket(settings=settings, ports=ports, telephone=phone, passes=passes, calls=calls)

    def connect(call: Call) -> HttpReply:
        now = ports.clock.now()
        passage = Passage(
            call_id=call.call_id,
            caller=call.caller,
            dialled=call.dialled,
            began=int(now.timestamp()),
        )
        return answers.connect(passes.seal(passage, now))

    def thank(call: Call) -> HttpReply:
        return answers.thank()

    begins: FirstQuestion | Question = FirstQuestion(proof, profile, desk, phone.look_again)
    routes = [Route(method="GET", path=PATH, handler=files)]
    if settings.media == "stream":
        begins = Question(proof, profile, connect)
        routes.append(Route(method="GET", path="/media", handler=media))
    if profile.overhears is not None:
        overhears = TalkSocket(
            settings=settings, ports=ports, telephone=phone, tickets=talks, calls=calls
        )
        routes.append(Route(method="GET", path="/talk", handler=overhears))
    posted = {
        "": begins,
        "/continue": Continued(proof, profile, desk),
        "/step": Answer(proof, profile, desk),
        "/wait": InQueue(proof, profile, desk),
        "/whisper": Whisper(proof, profile, desk),
        "/recorded": Question(proof, profile, thank),
        "/status": StatusNews(proof, profile, calls),
        "/recording": RecordingNews(
            proof, profile, tickets=tickets, api=api, account=settings.account
        ),
    }
    routes += [Route(method="POST", path=path, handler=handler) for path, handler in posted.items()]
    return Account(
        spec=ChannelSpec(
            kind="voice",
            account=settings.account,
            body_limit=64 * 1024,
            # The longest Twilio waits (docs: usage/webhooks/webhooks-connection-overrides).
            ack_deadline_s=15.0,
            receipt_in_answer=True,
        ),
        routes=tuple(routes),
        media=api,
        lifecycle=Health(settings, ports.http),
    )


def _profile(settings: VoiceSettings) -> Profile:
    """Return the account's profile; raises ``ConfigError`` when something does not fit it."""
    profile = PROFILES[settings.profile]
    name = f"account {settings.account!r} of profile {profile.name}"
    if not profile.account.fullmatch(settings.account_sid):
        raise ConfigError(
            f"{name}: account_sid is not what {profile.title} calls an account",
            "copy it from the provider's console",
        )
    if profile.api is None and profile.call_path and not settings.base_url:
        raise ConfigError(
            f"{name}: base_url is missing, for every customer of {profile.title} has an own one",
            "set it, such as https://example.signalwire.com/api/laml",
        )
    if settings.media == "none" and not profile.records:
        raise ConfigError(
            f"{name}: media is none, but {profile.title} offers no recordings to be fetched",
            "set media: stream, or use another provider",
        )
    return profile
