"""The telephone: a citizen calls, speaks, and hears the number of the case."""

from channels.voice.config import VoiceSettings
from channels.voice.simulator import simulator
from channels.voice.twiml import build
from gateway.channel import ChannelKind

CHANNEL = ChannelKind(kind="voice", settings=VoiceSettings, build=build, simulator=simulator)
