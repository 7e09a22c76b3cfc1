"""Finds channels: one folder under ``channels/`` each, and third-party packages by entry point."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points

from gateway.channel.contract import ChannelKind
from gateway.domain.errors import GatewayError

ENTRY_POINT_GROUP = "hotline.channels"


def discover() -> Mapping[str, ChannelKind]:
    """Return every installed channel by its kind.

    Raises ``GatewayError`` when two channels claim one kind or a folder exposes no ``CHANNEL``.
    """
    found: dict[str, ChannelKind] = {}
    for origin, channel in _offered():
        if not isinstance(channel, ChannelKind):
            raise GatewayError(
                f"{origin} exposes no CHANNEL",
                "let its __init__.py define CHANNEL = ChannelKind(...)",
            )
        if channel.kind in found:
            raise GatewayError(
                f"{origin} offers the channel kind {channel.kind!r}, which exists already",
                "rename the kind or uninstall one of the two",
            )
        found[channel.kind] = channel
    return found


def _offered() -> Iterator[tuple[str, object]]:
    import channels

    for module in sorted(pkgutil.iter_modules(channels.__path__), key=lambda found: found.name):
        if module.ispkg:
            name = f"channels.{module.name}"
            yield name, getattr(importlib.import_module(name), "CHANNEL", None)
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        yield f"entry point {point.name}", point.load()
