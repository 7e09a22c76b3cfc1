"""SMS: a citizen texts the hotline's number, and is answered by text."""

from channels.sms.config import SmsSettings
from channels.sms.simulator import simulator
from channels.sms.twilio import build
from gateway.channel import ChannelKind, StandIn
from gateway.config import ChannelSettings


def _stand_in(settings: ChannelSettings) -> StandIn:
    # A web server of its own: only for a trial.
    from channels.sms.stand_in import stand_in

    return stand_in(settings)


CHANNEL = ChannelKind(
    kind="sms", settings=SmsSettings, build=build, simulator=simulator, stand_in=_stand_in
)
