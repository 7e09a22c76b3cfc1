"""The telephone: a citizen calls, speaks, and hears the number of the case."""

from channels.voice.config import VoiceSettings
from gateway.channel import Account, ChannelKind, Ports, Simulator, StandIn
from gateway.config import ChannelSettings


def _build(settings: ChannelSettings, ports: Ports) -> Account:
    # Signal processing and its libraries: only for a hotline that has a telephone account.
    if isinstance(settings, VoiceSettings) and settings.provider == "asterisk":
        from channels.voice import asterisk

        return asterisk.build(settings, ports)
    from channels.voice import twiml

    return twiml.build(settings, ports)


def _simulator(settings: ChannelSettings, public_url: str) -> Simulator:
    if isinstance(settings, VoiceSettings) and settings.pbx is not None:
        from channels.voice.asterisk.caller import PbxSimulator

        return PbxSimulator(settings.pbx)
    from channels.voice.simulator import simulator

    return simulator(settings, public_url)


def _stand_in(settings: ChannelSettings) -> StandIn:
    # A web server of its own: only for a trial.
    from channels.voice.stand_in import stand_in

    return stand_in(settings)


CHANNEL = ChannelKind(
    kind="voice",
    settings=VoiceSettings,
    build=_build,
    simulator=_simulator,
    stand_in=_stand_in,
)
