"""Somebody whom an audio line reports to."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Owner:
    """Keeps everything it is told."""

    audio: bytearray = field(default_factory=bytearray)
    keys: str = ""
    over: list[str] = field(default_factory=list)
    lost: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, pcm: bytes) -> None:
        self.audio += pcm
        self.news.set()

    def pressed(self, key: str) -> None:
        self.keys += key
        self.news.set()

    def played(self, playback: str) -> None:
        self.over.append(playback)
        self.news.set()

    def line_lost(self) -> None:
        self.lost += 1
        self.news.set()

    async def until(self, what: str) -> None:
        """Wait until an attribute is set."""
        async with asyncio.timeout(10):
            while not getattr(self, what):
                self.news.clear()
                await self.news.wait()
