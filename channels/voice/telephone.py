"""Everything the calls of one account share; a transport only hands over a leg.

``telephone`` puts it together from the account's settings. ``Telephone.session`` then holds one
call, whatever network it came from.
"""

from collections.abc import Sequence
from pathlib import Path

from channels.voice import prompts
from channels.voice.call.admission import Admission
from channels.voice.call.handover import Handover
from channels.voice.call.rules import Rules
from channels.voice.call.session import CallSession
from channels.voice.config import VoiceSettings
from channels.voice.ivr.engine import FlowWalk
from channels.voice.ivr.flow import Flow
from channels.voice.ivr.reading import load
from channels.voice.ivr.steps import Result, Walk
from channels.voice.leg import CallLeg
from channels.voice.people.group import People
from channels.voice.prompts import Prompts
from gateway.channel import Ports

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "ivr" / "hotline.yaml"

SAID_BY_CALLS = (
    "sorry_interrupted",
    "queue_next",
    "queue_ahead_is",
    "queue_ahead_end",
    "queue_minutes_is",
    "queue_minutes_end",
    "queue_callback",
    "queue_voicemail",
)
"""Prompts that no flow names: calls say them by themselves."""

_CLOSING_S = 35.0
"""How long a call that was told to end may take: the apology, and all that its end sets itself."""


class Telephone:
    """The telephone of one account in this process."""

    def __init__(
        self,
        *,
        ports: Ports,
        prompts: Prompts,
        walk: Walk,
        people: People,
        admission: Admission,
        rules: Rules,
        language: str,
    ) -> None:
        self.ports = ports
        self.prompts = prompts
        self.walk = walk
        self.people = people
        self.admission = admission
        self.rules = rules
        self.language = language

    @property
    def full(self) -> bool:
        """Whether no further call may be answered: too many are held, or the process is ending."""
        return self.admission.full

    def session(
        self,
        leg: CallLeg,
        *,
        resumed: bool = False,
        handover: Handover | None = None,
        result: Result | None = None,
    ) -> CallSession:
        """Return the session that holds the call at ``leg``; ``await session.run()`` holds it.

        ``resumed``: the gateway died and the network still has the call. ``handover``: another
        performer leaves the call to us, at the step of its flow or, with ``result``, after it.
        """
        return CallSession(
            leg,
            ports=self.ports,
            prompts=self.prompts,
            walk=self.walk,
            people=self.people,
            admission=self.admission,
            rules=self.rules,
            language=self.language,
            resumed=resumed,
            handover=handover,
            result=result,
        )

    async def drain(self) -> None:
        """Take no further calls and let those under way end; returns when all are over.

        After the account's ``drain`` time callers hear an apology; their drafts are kept.
        """
        self.admission.close()
        if await self.admission.empty(self.rules.drain_s):
            return
        self.admission.wind_up()
        if not await self.admission.empty(_CLOSING_S):
            self.ports.log.warning("calls_left_behind", calls=len(self.admission))


def telephone(settings: VoiceSettings, ports: Ports) -> Telephone:
    """Build the telephone of an account; raises ``ConfigError`` for a bad flow or prompt."""
    language = settings.language or language_of(ports.site.language)
    flow = load(settings.flow or SHIPPED)
    languages = (language, *(one for one in flow.settings.languages if one != language))
    slots = settings.recogniser_slots
    return Telephone(
        ports=ports,
        prompts=prompts.load(settings.prompts, *languages, names=_names(settings, flow, languages)),
        walk=FlowWalk(flow),
        people=People(settings.targets, ports.clock),
        admission=Admission(settings.max_calls, settings.max_calls if slots is None else slots),
        rules=Rules(
            drain_s=settings.drain,
            call_s=settings.pbx.call_limit if settings.pbx is not None else Rules().call_s,
        ),
        language=language,
    )


def _names(settings: VoiceSettings, flow: Flow, languages: Sequence[str]) -> Sequence[str]:
    names = (*prompts.NAMES, *prompts.QUANTITIES, *SAID_BY_CALLS, *flow.prompt_names())
    return [
        name
        for name in dict.fromkeys(names)
        if all(prompts.path_of(name, one, settings.prompts).exists() for one in languages)
    ]


def language_of(site: str) -> str:
    """Return the site's language when there are prompts in it, else Chinese."""
    primary = site.partition("-")[0].lower()
    return primary if primary in ("zh", "en") else "zh"
