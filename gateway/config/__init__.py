"""The configuration: what a deployment can set, read from one YAML file and checked as a whole."""

from gateway.config.endpoint import Endpoint, SigningSecret
from gateway.config.environment import read_env_file
from gateway.config.findings import ConfigError, Finding, InvalidConfig
from gateway.config.load import load, parse
from gateway.config.model import (
    Admin,
    Blobs,
    Config,
    Conversation,
    Demo,
    Entry,
    Limits,
    Log,
    Policy,
    Redis,
    Site,
    Speech,
    Store,
    Work,
)
from gateway.config.settings import ChannelSettings, Settings

__all__ = [
    "Admin",
    "Blobs",
    "ChannelSettings",
    "Config",
    "ConfigError",
    "Conversation",
    "Demo",
    "Endpoint",
    "Entry",
    "Finding",
    "InvalidConfig",
    "Limits",
    "Log",
    "Policy",
    "Redis",
    "Settings",
    "SigningSecret",
    "Site",
    "Speech",
    "Store",
    "Work",
    "load",
    "parse",
    "read_env_file",
]
