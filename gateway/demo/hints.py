"""What a person who has just started a trial can do next, in the words they can copy."""

from collections.abc import Sequence
from pathlib import Path

from gateway.config import Config
from gateway.demo.trial import Place

CALLERS = Path(__file__).resolve().parents[2] / "config" / "demo" / "callers"
"""Recorded callers to try the telephone with."""

_HOTLINE = ".venv/bin/hotline"
_USUAL_URL = "http://127.0.0.1:12345"
_WAYS = {
    "web": ("fill in the form", "{url}/report"),
    "sms": ("send a text", '{hotline} simulate sms --text "路灯坏了，请派人来修"{elsewhere}'),
    "voice": (
        "make a call",
        "{hotline} simulate call --wav config/demo/callers/zh1.wav{elsewhere}",
    ),
}


def hints(config: Config, places: Sequence[Place], url: str) -> list[str]:
    """Return the lines to print below ``ready``; none when nothing runs beside the gateway."""
    if not places:
        return []
    elsewhere = "" if url == _USUAL_URL else f" --url {url}"
    words = {"url": url, "hotline": _HOTLINE, "elsewhere": elsewhere}
    kinds = {one.kind for one in config.channels}
    lines = [(what, how.format_map(words)) for kind, (what, how) in _WAYS.items() if kind in kinds]
    if "web" in kinds:
        lines.insert(1, ("use the API", f'{_HOTLINE} simulate web --text "…"{elsewhere}'))
    lines += [(f"see {place.shows}", place.url) for place in places]
    lines.append(("read about the API", f"{url}/api/v1/openapi.json"))
    width = max(len(what) for what, _ in lines)
    return ["try it:", *(f"  {what:<{width}}  {how}" for what, how in lines), "Ctrl-C stops it"]
