"""Everything the calls of one account share; a transport only hands over a leg.

``telephone`` puts it together from the account's settings. ``Telephone.session`` then holds one
call, whatever network it came from.
"""

import asyncio
from pathlib import Path

from channels.voice import prompts
from channels.voice.call.admission import Admission
from channels.voice.call.handover import Handover
from channels.voice.call.overhearing import Overhearing
from channels.voice.call.rules import Rules
from channels.voice.call.session import CallSession
from channels.voice.config import VoiceSettings
from channels.voice.ivr.engine import FlowWalk
from channels.voice.ivr.flow_file import FlowFile
from channels.voice.ivr.steps import Result, StaleState, Walk
from channels.voice.leg import CallLeg
from channels.voice.people.group import People
from channels.voice.prompts import Prompts
from gateway.channel import Ports
from gateway.config import ConfigError

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

_LOOKS_EVERY_S = 5.0
"""A changed flow file is noticed with the first call after so long."""

_TELLS_AGAIN_AFTER_S = 24 * 3600.0

_CLOSING_S = 35.0
"""How long a call that was told to end may take: the apology, and all that its end sets itself."""


class Telephone:
    """The telephone of one account in this process."""

    def __init__(
        self,
        *,
        settings: VoiceSettings,
        ports: Ports,
        file: FlowFile,
        rules: Rules,
        language: str,
    ) -> None:
        self.ports = ports
        self.language = language
        self.prompts = _prompts(settings, file.walk, language)
        self.walk: Walk = file.walk
        slots = settings.recogniser_slots
        self.admission = Admission(
            settings.max_calls, settings.max_calls if slots is None else slots
        )
        self._settings = settings
        self._file = file
        self._rules = rules
        self._people = People(settings.targets, ports.clock)
        self._seen = file.stamp
        self._looked_at = ports.clock.monotonic()
        self._reading: asyncio.Task[None] | None = None
        self._tell_of_unknown_years()

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
        self.look_again()
        return CallSession(
            leg,
            ports=self.ports,
            prompts=self.prompts,
            walk=self.walk if handover is None else self.walk_of(handover.flow),
            people=self._people,
            admission=self.admission,
            rules=self._rules,
            language=self.language,
            resumed=resumed,
            handover=handover,
            result=result,
        )

    def overhearing(self, leg: CallLeg, *, name: str, language: str, at_ms: int) -> Overhearing:
        """Return what listens to two people at ``leg`` whom the network has joined itself."""
        return Overhearing(
            leg,
            ports=self.ports,
            admission=self.admission,
            rules=self._rules,
            language=language,
            name=name,
            at_ms=at_ms,
        )

    def walk_of(self, state: str) -> Walk:
        """Return the flow that a state belongs to, or the present one, which will refuse it."""
        try:
            return self._file.walk_of(state)
        except StaleState:
            return self.walk

    async def drain(self) -> None:
        """Take no further calls and let those under way end; returns when all are over.

        After the account's ``drain`` time callers hear an apology; their drafts are kept.
        """
        self.admission.close()
        if await self.admission.empty(self._rules.drain_s):
            return
        self.admission.wind_up()
        if not await self.admission.empty(_CLOSING_S):
            self.ports.log.warning("calls_left_behind", calls=len(self.admission))

    def look_again(self) -> None:
        """Read the flow again in the background when its file has changed."""
        now = self.ports.clock.monotonic()
        if now - self._told_of_years_at >= _TELLS_AGAIN_AFTER_S:
            self._tell_of_unknown_years()
        if now - self._looked_at < _LOOKS_EVERY_S or self._reading is not None:
            return
        self._looked_at = now
        if self._file.stamp != self._seen:
            self._seen = self._file.stamp
            self._reading = asyncio.create_task(self._read_again())

    def _tell_of_unknown_years(self) -> None:
        """Say that opening hours count weekends only, once a day, while calls come."""
        self._told_of_years_at = self.ports.clock.monotonic()
        for name in self._file.walk.flow.unknown_years(self.ports.clock.now()):
            self.ports.log.warning(
                "calendar_year_unknown", calendar=name, cure="add the official days of this year"
            )

    async def _read_again(self) -> None:
        """Take a changed flow for the calls to come, if it and all of its prompts are usable."""
        try:
            if await asyncio.to_thread(self._file.read_again):
                walk = self._file.walk
                self.prompts = await asyncio.to_thread(
                    _prompts, self._settings, walk, self.language
                )
                self.walk = walk
        except ConfigError as error:
            self.ports.log.warning("flow_not_reloaded", problem=error.message, cure=error.cure)
        finally:
            self._reading = None


def telephone(settings: VoiceSettings, ports: Ports) -> Telephone:
    """Build the telephone of an account; raises ``ConfigError`` for a bad flow or prompt."""
    limit = settings.pbx.call_limit if settings.pbx is not None else Rules().call_s
    return Telephone(
        settings=settings,
        ports=ports,
        file=FlowFile(settings.flow or SHIPPED, ports.log),
        rules=Rules(drain_s=settings.drain, call_s=limit),
        language=settings.language or language_of(ports.site.language),
    )


def _prompts(settings: VoiceSettings, walk: FlowWalk, language: str) -> Prompts:
    flow = walk.flow
    languages = dict.fromkeys((language, *flow.settings.languages))
    names = (*prompts.NAMES, *prompts.QUANTITIES, *SAID_BY_CALLS, *flow.prompt_names())
    return prompts.load(settings.prompts, *languages, names=tuple(dict.fromkeys(names)))


def language_of(site: str) -> str:
    """Return the site's language when there are prompts in it, else Chinese."""
    primary = site.partition("-")[0].lower()
    return primary if primary in ("zh", "en") else "zh"
