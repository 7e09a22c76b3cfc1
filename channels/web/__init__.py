"""Web: a citizen fills in the hotline's form, or a portal hands a submission in for them."""

from channels.web.account import build
from channels.web.config import WebSettings
from channels.web.simulator import simulator
from gateway.channel import ChannelKind

CHANNEL = ChannelKind(kind="web", settings=WebSettings, build=build, simulator=simulator)
