"""The telephone flows that a configuration names, for commands that examine it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from gateway.cli._finding import Finding as Found
from gateway.cli._finding import ok, warning
from gateway.config import Config, Finding


def flows_of(config: Config) -> Sequence[tuple[Path, Path | None]]:
    """Return each flow with the folder of the recordings that go with it, once."""
    from channels.voice.config import VoiceSettings

    found = [
        (one.flow, one.prompts)
        for one in config.channels
        if isinstance(one, VoiceSettings) and one.flow is not None
    ]
    return tuple(dict.fromkeys(found))


def lint(flow: Path, prompts: Path | None) -> Sequence[Finding]:
    """Return what is wrong with a flow; what it says must be recorded, or known by its text."""
    from channels.voice.ivr.lint import lint as examined
    from gateway.cli.ivr import known_prompts

    return examined(flow, known_prompts(prompts), texts_count=True)


def years(config: Config) -> Sequence[Found]:
    """Whether the calendars of the flows know the official days of this year."""
    from channels.voice.ivr.reading import load
    from channels.voice.telephone import SHIPPED

    if not any(one.kind == "voice" for one in config.channels):
        return []
    paths = dict.fromkeys(flow for flow, _ in flows_of(config)) or [SHIPPED]
    now = datetime.now(config.site.timezone)
    unknown = sorted({name for path in paths for name in load(path).unknown_years(now)})
    if not unknown:
        return [ok("calendars", f"the official days of {now.year} are known")]
    return [
        warning(
            "calendars",
            f"{', '.join(unknown)} does not know {now.year}: opening hours count weekends only",
            "add the official days of this year to the calendar file",
        )
    ]
