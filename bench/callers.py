"""A caller who knows when each last word was sent, and a watcher of the live stream beside him.

Both live in the benchmark's process and speak to a real gateway; times are of the wall clock, which
the gateway shares.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, SupportsIndex
from xml.etree.ElementTree import Element

import numpy as np
from aiohttp import ClientSession, ClientTimeout

from channels.voice.config import VoiceSettings
from channels.voice.simulator import TwilioSimulator, call_id, simulator
from channels.voice.twiml.asking import Asking, Script
from channels.voice.twiml.far_end import FRAME_MS, Act, FarEnd
from gateway.channel import RawRequest
from gateway.channel.discovery import discover
from gateway.config import load
from gateway.demo.reaching import LINE_RATE
from gateway.domain.g711 import pcm_to_mulaw
from tests.integration.demo.program import Ports, demo_config, hotline, running

_BYTES_PER_MS = LINE_RATE * 2 // 1000
_FRAME_BYTES = FRAME_MS * _BYTES_PER_MS
# The last frame at least this loud, beside the loudest, is the last of the voice.
_STILL_VOICE = 0.05
_UNLIMITED = ClientTimeout(total=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said: signed 16 bit at 8000 Hz; ``ends_ms``: where the voice ends in each part."""

    pcm: bytes
    ends_ms: tuple[int, ...]

    @classmethod
    def of(cls, clips: Sequence[bytes], *, pause_ms: int) -> "Statement":
        """Say recordings one after the other, with a pause between two."""
        pcm, ends = bytearray(), []
        for clip in clips:
            if pcm:
                pcm += bytes(pause_ms * _BYTES_PER_MS)
            ends.append(len(pcm) // _BYTES_PER_MS + _voice_ends_ms(clip))
            pcm += clip
        return cls(pcm=bytes(pcm), ends_ms=tuple(ends))

    @property
    def duration_ms(self) -> int:
        """How long it is."""
        return len(self.pcm) // _BYTES_PER_MS


def _voice_ends_ms(pcm: bytes) -> int:
    samples = np.frombuffer(pcm[: len(pcm) // _FRAME_BYTES * _FRAME_BYTES], "<i2")
    frames = samples.astype(np.float64).reshape(-1, _FRAME_BYTES // 2)
    levels = np.sqrt(np.mean(np.square(frames), axis=1))
    return (int(np.flatnonzero(levels > levels.max() * _STILL_VOICE)[-1]) + 1) * FRAME_MS


class _Sent(bytes):
    """Octets that note when each frame of them is taken to be sent."""

    def __init__(self, octets: bytes) -> None:
        super().__init__()
        self.times: list[float] = []

    def __getitem__(self, part: SupportsIndex | slice) -> Any:
        self.times.append(time.time())
        return super().__getitem__(part)


class _Speaker:
    """Says one thing, once the gateway has asked for it."""

    def __init__(self, statement: Statement) -> None:
        self.sent = _Sent(pcm_to_mulaw(statement.pcm))
        self.now: Callable[[], int] = lambda: 0
        self.began_ms = 0
        self._said = False

    def next(self) -> Act | None:
        """Return it the first time."""
        if self._said:
            return None
        self._said, self.began_ms = True, self.now()
        return Act(octets=self.sent)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWord:
    """The end of one part of a statement: when its last frame was sent, and where in the call."""

    sent_at: float
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One call that was held: its last words, and when the caller hung up."""

    call_id: str
    last_words: tuple[LastWord, ...]
    hung_up_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One piece of news as the watcher got it: when it was told and when it was there."""

    type: str
    conversation: str
    told_at: float
    came_at: float
    data: dict[str, Any]


@dataclass(slots=True)
class Watching:
    """An open live stream."""

    news: list[News] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, found: Callable[[News], bool], within_s: float) -> News | None:
        """Return the first news of this kind, waiting if need be; None when none came."""
        place = 0
        try:
            async with asyncio.timeout(within_s):
                while True:
                    self._more.clear()
                    for one in self.news[place:]:
                        if found(one):
                            return one
                    place = len(self.news)
                    await self._more.wait()
        except TimeoutError:
            return None

    def take(self, document: dict[str, Any]) -> None:
        """Note news that just came."""
        self.news.append(
            News(
                type=document["type"],
                conversation=document.get("conversation", ""),
                told_at=datetime.fromisoformat(document["at"]).timestamp(),
                came_at=time.time(),
                data=document["data"],
            )
        )
        self._more.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A running ``hotline serve``."""

    pid: int
    url: str
    token: str
    settings: VoiceSettings
    public_url: str

    async def hold(self, statement: Statement, *, sender: str) -> Held:
        """Call, listen to the greeting, say the statement and hang up with its last frame."""
        speaker = _Speaker(statement)
        provider: TwilioSimulator = simulator(self.settings, self.public_url)
        call = call_id()
        async with ClientSession(timeout=_UNLIMITED) as web:

            async def post(raw: RawRequest) -> str:
                url = self.url + raw.url.removeprefix(self.public_url)
                async with web.post(url, data=raw.body, headers=dict(raw.headers)) as answer:
                    answer.raise_for_status()
                    return await answer.text()

            async def stream(verb: Element) -> bool:
                place = self.public_url.replace("http", "ws", 1)
                address = verb.get("url", "").removeprefix(place)
                given = {one.get("name", ""): one.get("value", "") for one in verb}
                server = self.url.replace("http", "ws", 1)
                async with web.ws_connect(server + address) as socket:
                    end = FarEnd(socket, speaker, speed=1.0, hang_up_after_ms=statement.duration_ms)
                    speaker.now = lambda: end.now_ms
                    await end.begin(call, self.settings.account_sid, given)
                    return await end.talk() != "caller"

            await Asking(
                post=post,
                request=lambda path, form, query: provider.request(path, form, query=query),
                mount=f"{self.public_url}/channels/voice/{self.settings.account}",
                about=provider.about(call, sender),
                record=_never_recorded,
                stream=stream,
            ).hold(Script([]))
        times = speaker.sent.times
        if len(times) * FRAME_MS < statement.duration_ms:
            raise RuntimeError("the gateway ended a call before its caller had finished")
        return Held(
            call_id=call,
            last_words=tuple(
                LastWord(sent_at=times[(ms - 1) // FRAME_MS], end_ms=speaker.began_ms + ms)
                for ms in statement.ends_ms
            ),
            hung_up_at=times[-1] + FRAME_MS / 1000,
        )

    @asynccontextmanager
    async def watched(self, *types: str) -> AsyncIterator[Watching]:
        """Watch everything, or some types of news, for the length of a block."""
        watching = Watching()
        headers = {"Authorization": f"Bearer {self.token}"}
        query = {"types": ",".join(types)} if types else {}
        async with (
            ClientSession(timeout=_UNLIMITED) as web,
            web.get(f"{self.url}/api/v1/live", params=query, headers=headers) as answer,
        ):
            answer.raise_for_status()

            async def read() -> None:
                async for line in answer.content:
                    if line.startswith(b"data:"):
                        document = json.loads(line.removeprefix(b"data:"))
                        if "type" in document:
                            watching.take(document)

            reading = asyncio.create_task(read())
            try:
                yield watching
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)


async def _never_recorded(recording: str, words: str) -> str:
    raise RuntimeError("the gateway asked the carrier to record: it takes no live audio")


@contextmanager
def gateway(folder: Path, *, more: str = "") -> Iterator[Gateway]:
    """Run ``hotline serve`` with the demo's configuration (and ``more`` YAML) in a folder."""
    folder.mkdir(parents=True)
    ports = Ports.free()
    config = demo_config(folder, ports)
    config.write_text(f"{config.read_text('utf-8')}\n{more}\n", "utf-8")
    where = ["--config", str(config), "--data", str(folder / "data")]
    kinds = {kind: channel.settings for kind, channel in discover().items()}
    read = load(config, channel_settings=kinds, env={})
    (settings,) = (one for one in read.channels if isinstance(one, VoiceSettings))
    with running("serve", *where, "--port", str(ports.gateway)) as command:
        command.until("ready ")
        made = hotline("token", "create", *where, "--scope", "feed:read", "--label", "bench")
        if made.returncode:
            raise RuntimeError(made.stderr)
        yield Gateway(
            pid=command.process.pid,
            url=f"http://127.0.0.1:{ports.gateway}",
            token=made.stdout.strip(),
            settings=settings,
            public_url=read.site.public_url,
        )
        command.end()
