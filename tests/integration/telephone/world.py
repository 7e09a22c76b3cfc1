"""Calls through a real Asterisk: who dials which number meets which conversation, all at once."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Literal

import numpy as np

from channels.voice.asterisk.exchange import Calls
from channels.voice.asterisk.leg import AsteriskLeg
from channels.voice.asterisk.source import Pbx
from channels.voice.config import PbxSettings
from channels.voice.leg import (
    Audio,
    Connection,
    Digit,
    Ended,
    LegEvent,
    MarkPlayed,
    MediaLost,
    MediaResumed,
    Party,
)
from gateway.domain.g711 import alaw_to_pcm
from tests.peers.asterisk import PASSWORD, USER, AsteriskServer
from tests.unit.channels.voice.fakes import FakeSink

Wire = Literal["websocket", "audiosocket"]


def tone(seconds: float, hertz: int = 440, level: int = 8000) -> bytes:
    """A pure tone."""
    places = np.arange(int(seconds * 8000))
    return (np.sin(places * 2 * math.pi * hertz / 8000) * level).astype("<i2").tobytes()


def spoken(seconds: float, seed: int = 1) -> bytes:
    """A-law octets that no other seed has, loud and never silent."""
    return np.random.default_rng(seed).integers(0, 256, int(seconds * 8000), np.uint8).tobytes()


def loudness(pcm: bytes, every_ms: int = 20) -> list[float]:
    """How loud each stretch is."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    size = 8 * every_ms
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    return [float(one) for one in np.sqrt(np.mean(np.square(whole), axis=1))]


def has_tone(pcm: bytes, hertz: int) -> list[bool]:
    """Whether each 20 ms hold a tone of this pitch, whatever else is there."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    whole = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    wave = np.exp(-2j * math.pi * hertz / 8000 * np.arange(160))
    return [bool(one) for one in np.abs(whole @ wave) / 80 > 1000]


@dataclass(slots=True)
class Told:
    """What one call told."""

    leg: AsteriskLeg
    began: float = field(default_factory=monotonic)
    events: list[tuple[float, LegEvent]] = field(default_factory=list)
    caller: bytearray = field(default_factory=bytearray)
    agent: bytearray = field(default_factory=bytearray)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def keys(self) -> str:
        """The keys, in order."""
        return "".join(one.key for _, one in self.events if isinstance(one, Digit))

    @property
    def connections(self) -> list[Connection]:
        """What became of people."""
        return [one for _, one in self.events if isinstance(one, Connection)]

    @property
    def ended(self) -> list[Ended]:
        """The end; once."""
        return [one for _, one in self.events if isinstance(one, Ended)]

    @property
    def marks(self) -> list[str]:
        """Playbacks that were over, in order."""
        return [one.playback_id for _, one in self.events if isinstance(one, MarkPlayed)]

    @property
    def media(self) -> list[str]:
        """Trouble with the audio, and its end."""
        wanted = MediaLost | MediaResumed
        return [type(one).__name__ for _, one in self.events if isinstance(one, wanted)]

    def times(self, kind: type[LegEvent]) -> list[float]:
        """When something happened, in seconds of the call."""
        return [at for at, one in self.events if isinstance(one, kind)]

    def pieces(self, octets: bytes) -> list[int]:
        """Where in the caller's audio these A-law octets are, frame by frame, to the bit.

        -1 stands for a frame that is not there (after the one before it).
        """
        said, heard = alaw_to_pcm(octets), bytes(self.caller)
        places, place = [], 0
        for start in range(0, len(said), 320):
            found = heard.find(said[start : start + 320], place)
            places.append(found)
            place = max(place, found)
        return places

    async def until(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def listen(self) -> None:
        """Take everything the leg tells until the end."""
        async for event in self.leg.events():
            if isinstance(event, Audio):
                (self.caller if event.party is Party.CALLER else self.agent).extend(event.pcm)
            else:
                self.events.append((monotonic() - self.began, event))
            self.news.set()


@dataclass(slots=True)
class Journal:
    """What the transport logged: name and values."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, **values: object) -> None:
        self.lines.append((event, values))

    def warning(self, event: str, **values: object) -> None:
        self.lines.append((event, values))

    def told(self, event: str) -> list[dict[str, object]]:
        """The values of every line of this name."""
        return [values for name, values in self.lines if name == event]


Script = Callable[[Told], Awaitable[None]]


@dataclass(slots=True)
class World:
    """One gateway's telephone (the transport alone) on one Asterisk."""

    server: AsteriskServer
    wire: Wire
    folder: Path
    app: str = "hotline"
    url: str = ""
    log: Journal = field(default_factory=Journal)
    scripts: dict[str, Script] = field(default_factory=dict)
    told: dict[str, list[Told]] = field(default_factory=dict)
    full: bool = False
    drain_s: float = 0.0
    converse: Script | None = None
    """Holds every call itself, in place of the scripts."""

    @property
    def settings(self) -> PbxSettings:
        """How the gateway reaches this Asterisk."""
        return PbxSettings.model_validate(
            {
                "url": self.url or self.server.url,
                "user": USER,
                "password": PASSWORD,
                "app": self.app,
                "media": self.wire,
                "listen": "127.0.0.1:0",
            }
        )

    def number(self, dialled: str) -> str:
        """The address of a number."""
        return f"{dialled}@{self.server.sip}"

    async def call(self, dialled: str, place: int = 0, timeout_s: float = 20.0) -> Told:
        """Wait for a call to a number."""
        async with asyncio.timeout(timeout_s):
            while len(self.told.get(dialled, [])) <= place:
                await asyncio.sleep(0.01)
        return self.told[dialled][place]

    async def _converse(self, leg: AsteriskLeg) -> None:
        told = Told(leg)
        if self.converse is not None:
            await self.converse(told)
            return
        self.told.setdefault(leg.call.dialled, []).append(told)
        script = self.scripts.get(leg.call.dialled)
        listening = asyncio.create_task(told.listen())
        try:
            if script is not None:
                acting = asyncio.create_task(_acted(script, told))
                await asyncio.wait([listening, acting], return_when=asyncio.FIRST_COMPLETED)
                if acting.done():
                    acting.result()
                acting.cancel()
            await listening
        finally:
            listening.cancel()

    async def _drain(self) -> None:
        await asyncio.sleep(self.drain_s)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Take calls; on leaving the gateway is told to stop."""
        pbx = Pbx(
            self.settings,
            Calls(converse=self._converse, full=lambda: self.full, drain=self._drain),
            region="CN",
            log=self.log,
        )
        running = asyncio.create_task(pbx.run(FakeSink()))
        try:
            async with asyncio.timeout(10):
                while not self.log.told("pbx_connected"):
                    if running.done():
                        running.result()
                    await asyncio.sleep(0.01)
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def nothing_left(self, timeout_s: float = 5.0) -> bool:
        """Whether Asterisk soon has neither channel nor bridge."""
        deadline = monotonic() + timeout_s
        while monotonic() < deadline:
            channels = await asyncio.to_thread(self.server.ask, "GET", "/ari/channels")
            bridges = await asyncio.to_thread(self.server.ask, "GET", "/ari/bridges")
            if channels == [] and bridges == []:
                return True
            await asyncio.sleep(0.1)
        return False


async def _acted(script: Script, told: Told) -> None:
    await script(told)
    await told.leg.hangup()
    await told.until(lambda: bool(told.ended))
