"""The recordings of the account over HTTP, for a provider that plays them itself.

Public, for the provider fetches them without a proof; only recordings that every caller hears are
here. Numbers are played digit by digit, so that no address and no cache ever holds a receipt
number. An address names the content: a city's new recording has another one.
"""

import re
from collections.abc import Callable, Sequence
from hashlib import sha256

from channels.voice.ivr.steps import Digits, Part, Prompt, Quantity
from channels.voice.prompts import Prompts, silence
from channels.voice.wav import pcm_wav
from gateway.channel import HttpReply, RawRequest

PATH = "/prompts/{language}/{name}.wav"
PAUSE = "pause"
"""The name of the silence between the groups of a number."""

_PAUSE_MS = 300
_GROUP = 3
_WANTED = re.compile(r"/prompts/([a-z]{2,8})/([a-z0-9_]{1,64})\.wav", re.ASCII)
_A_WEEK = "public, max-age=604800, immutable"
_MISSING = HttpReply(status=404, body=b"no such prompt\n")


class PromptFiles:
    """The prompts of one account below its public address ``mount``.

    ``prompts`` returns them as they are now: a changed flow may bring others.
    """

    def __init__(self, prompts: Callable[[], Prompts], mount: str) -> None:
        self._now = prompts
        self._prompts = prompts()
        self._mount = mount
        self._ready: dict[tuple[str, str], tuple[bytes, str]] = {}

    async def show(self, raw: RawRequest) -> HttpReply:
        """Return one recording as a WAV file."""
        wanted = _WANTED.fullmatch(raw.path)
        if wanted is None:
            return _MISSING
        try:
            content, tag = self._file(wanted[1], wanted[2])
        except KeyError:
            return _MISSING
        headers = {"Cache-Control": _A_WEEK, "ETag": f'"{tag}"'}
        if raw.headers.get("If-None-Match") == headers["ETag"]:
            return HttpReply(status=304, content_type="audio/wav", headers=headers)
        return HttpReply(body=content, content_type="audio/wav", headers=headers)

    def addresses(self, parts: Sequence[Part], language: str) -> list[str]:
        """Return the addresses whose recordings, played in a row, are these parts.

        What was never recorded is left out, as in a live call.
        """
        names = [name for part in parts for name in _names(part)]
        return [found for name in names if (found := self._address(language, name))]

    def _address(self, language: str, name: str) -> str | None:
        try:
            _, tag = self._file(language, name)
        except KeyError:
            return None
        return f"{self._mount}/prompts/{language}/{name}.wav?v={tag}"

    def _file(self, language: str, name: str) -> tuple[bytes, str]:
        if self._now() is not self._prompts:
            self._prompts = self._now()
            self._ready = {}
        known = self._ready.get((language, name))
        if known is None:
            if language not in self._prompts.languages:
                raise KeyError(language)
            pause = name == PAUSE
            pcm = silence(_PAUSE_MS) if pause else self._prompts.render(Prompt(name=name), language)
            content = pcm_wav(pcm)
            known = self._ready[language, name] = content, sha256(content).hexdigest()[:12]
        return known


def _names(part: Part) -> list[str]:
    match part:
        case Prompt(name=name):
            return [name]
        case Quantity(value=value):
            value = min(max(value, 0), 99)
            if value <= 20 or value % 10 == 0:
                return [f"number_{value}"]
            return [f"number_{value // 10 * 10}", f"number_{value % 10}"]
        case Digits(digits=digits):
            return _spelled([digit for digit in digits if digit in "0123456789"])


def _spelled(digits: Sequence[str]) -> list[str]:
    names: list[str] = []
    for place, digit in enumerate(digits):
        # As in a live call: groups of three, and a single last digit stays with its group.
        if place and place % _GROUP == 0 and place != len(digits) - 1:
            names.append(PAUSE)
        names.append(f"digit_{digit}")
    return names
