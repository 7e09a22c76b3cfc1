"""Everything the calls of one account share; a transport only hands over a leg.

``telephone`` puts it together from the account's settings. ``Telephone.session`` then holds one
call, whatever network it came from.
"""

from dataclasses import dataclass

from channels.voice import prompts
from channels.voice.call.handover import Handover
from channels.voice.config import VoiceSettings
from channels.voice.ivr.steps import Result
from channels.voice.leg import CallLeg
from channels.voice.prompts import Prompts
from channels.voice.session import CallSession, Rules
from gateway.channel import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Telephone:
    """The telephone of one account in this process."""

    ports: Ports
    prompts: Prompts
    language: str
    rules: Rules

    @property
    def full(self) -> bool:
        """Whether no further call may be answered: too many are held, or the process is ending."""
        return False

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
            language=self.language,
            rules=self.rules,
        )

    async def drain(self) -> None:
        """Take no further calls and let those under way end; returns when all are over.

        After the account's ``drain`` time callers hear an apology; their drafts are kept.
        """


def telephone(settings: VoiceSettings, ports: Ports) -> Telephone:
    """Build the telephone of an account; raises ``ConfigError`` for a bad flow or prompt."""
    language = settings.language or language_of(ports.site.language)
    return Telephone(
        ports=ports,
        prompts=prompts.load(settings.prompts, language),
        language=language,
        rules=Rules(
            silence_s=settings.silence,
            no_speech_s=settings.no_speech,
            statement_s=settings.statement_limit,
        ),
    )


def language_of(site: str) -> str:
    """Return the site's language when there are prompts in it, else Chinese."""
    primary = site.partition("-")[0].lower()
    return primary if primary in ("zh", "en") else "zh"
