"""How a simulated citizen's contact reaches a gateway that listens somewhere else than it signs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout

from gateway.channel.wire import RawRequest
from gateway.domain.errors import GatewayError

LINE_RATE = 8000
"""Samples a second on a telephone line."""

_ANSWER_LIMIT = 64 * 1024


class NotTaken(GatewayError):
    """The gateway did not take the contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """``server`` is where the gateway listens, ``public_url`` the address it is known by."""

    server: str
    public_url: str

    async def post(self, raw: RawRequest) -> tuple[int, str]:
        """Send a provider's request; returns the status and what the gateway answered.

        Raises ``NotTaken`` when nothing answers.
        """
        url = self.server.rstrip("/") + raw.url.removeprefix(self.public_url)
        headers: Mapping[str, str] = {**raw.headers, "Content-Type": raw.content_type}
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=30)) as web,
                web.request(raw.method, url, data=raw.body, headers=headers) as answer,
            ):
                body = await answer.content.read(_ANSWER_LIMIT)
                return answer.status, body.decode("utf-8", "replace")
        except (ClientError, TimeoutError) as error:
            raise NotTaken(
                f"no gateway answers at {url} ({type(error).__name__})",
                "start it with hotline serve, or name its address with --url",
            ) from None


def line_audio(path: Path) -> bytes:
    """Return a recording as a telephone line carries it: 16 bit mono, 8000 samples a second."""
    import numpy as np
    import soxr

    from gateway.speech.audio import read_audio

    audio = read_audio(path)
    samples = np.frombuffer(audio.pcm, "<i2")
    narrow = soxr.resample(samples, audio.sample_rate, LINE_RATE)
    return bytes(np.asarray(narrow, "<i2").tobytes())
