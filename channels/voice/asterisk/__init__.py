"""Calls through an Asterisk of the site's own: ARI for control, one audio line for each call."""

from channels.voice.asterisk.exchange import Calls
from channels.voice.asterisk.health import Health
from channels.voice.asterisk.leg import AsteriskLeg
from channels.voice.asterisk.outage import OutageRecordings
from channels.voice.asterisk.source import Pbx
from channels.voice.config import VoiceSettings
from channels.voice.telephone import telephone
from gateway.channel import Account, ChannelSpec, Ports
from gateway.config import ChannelSettings, ConfigError


def build(settings: ChannelSettings, ports: Ports) -> Account:
    """Return an account that takes its calls from a PBX; all prompts are loaded here."""
    if not isinstance(settings, VoiceSettings) or settings.pbx is None:
        raise ConfigError(
            f"account {settings.account!r} has no PBX", "set provider: asterisk and pbx: {url: …}"
        )
    phone = telephone(settings, ports)
    folder = settings.pbx.outage_recordings

    async def converse(leg: AsteriskLeg) -> None:
        await phone.session(leg, resumed=leg.resumed).run()

    return Account(
        spec=ChannelSpec(
            kind="voice", account=settings.account, receipt_in_answer=True, resumes_calls=True
        ),
        source=Pbx(
            settings.pbx,
            Calls(converse=converse, full=lambda: phone.full, drain=phone.drain),
            region=ports.site.region,
            entries=ports.site.entries,
            log=ports.log,
            outage=None if folder is None else OutageRecordings(folder=folder, ports=ports),
        ),
        lifecycle=Health(settings.pbx, ports.log),
    )
