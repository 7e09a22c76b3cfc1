"""SMS: a citizen texts the hotline's number, and is answered by text."""

from channels.sms.config import SmsSettings
from channels.sms.simulator import simulator
from channels.sms.stand_in import stand_in
from channels.sms.twilio import build
from gateway.channel import ChannelKind

CHANNEL = ChannelKind(
    kind="sms", settings=SmsSettings, build=build, simulator=simulator, stand_in=stand_in
)
