"""Listens to one party of a call with the recogniser, which may be slow, hang or break.

Audio is only put aside here; a task of its own feeds it, so nothing the recogniser does delays the
call. The times it tells are those of the call, also after it was replaced or has paused.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from channels.voice.leg import BYTES_PER_MS, SAMPLE_RATE, Party
from gateway.channel.ports import Log, Ports
from gateway.channel.speech import (
    EngineInfo,
    Recogniser,
    RecogniserSession,
    SpeechEvent,
    Unavailable,
)

_BATCH_BYTES = 60 * BYTES_PER_MS


@dataclass(slots=True, eq=False)
class Hearer:
    """One recogniser session; ``offset_ms`` is when in the call its audio begins."""

    session: RecogniserSession
    party: Party
    language: str
    offset_ms: int
    topic: str | None = None
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)


Told = Callable[[Hearer, Sequence[SpeechEvent]], None]
Lost = Callable[[Exception], None]


class Ears:
    """Listens to one party; ``told`` hears what was understood, ``lost`` that it broke."""

    def __init__(
        self,
        recogniser: Recogniser | None,
        party: Party,
        *,
        entry: str,
        log: Log,
        feed_s: float,
        told: Told,
        lost: Lost,
    ) -> None:
        self._recogniser = recogniser
        self._party = party
        self._entry = entry
        self._log = log
        self._feed_s = feed_s
        self._told = told
        self._lost = lost
        self._hearer: Hearer | None = None
        self._waiting = bytearray()
        self._due = asyncio.Event()
        self._endings: set[asyncio.Task[None]] = set()
        self.failures = 0
        self.postponed = 0

    @property
    def open(self) -> bool:
        """Whether anybody listens now."""
        return self._hearer is not None

    def deafen(self) -> None:
        """Do without the recogniser from now on."""
        self._recogniser = None
        self.rest()

    def listen(self, language: str, at_ms: int, topic: str | None = None) -> None:
        """Listen from now on, in this language; what was being said before is still understood."""
        if self._recogniser is None:
            return
        if (hearer := self._hearer) is not None:
            if hearer.language == language and topic in (None, hearer.topic):
                return
            self.rest()
        try:
            session = self._recogniser.session(
                sample_rate=SAMPLE_RATE,
                language=language,
                entry=self._entry,
                topic=topic,
                news=self._due.set,
            )
        except Exception as error:  # a recogniser that cannot start must not cost the call
            self._recogniser = None
            self._lost(error)
            return
        self._hearer = Hearer(session, self._party, language, at_ms, topic)

    def rest(self) -> None:
        """Stop listening; what was said so far is understood in the background."""
        hearer, self._hearer = self._hearer, None
        if hearer is not None:
            rest = bytes(self._waiting)
            self._waiting.clear()
            self._background(self._end(hearer, rest))

    def hear(self, pcm: bytes) -> None:
        """Put the next audio aside for the recogniser."""
        if self._hearer is not None:
            self._waiting += pcm
            if len(self._waiting) >= _BATCH_BYTES:
                self._due.set()

    async def run(self) -> None:
        """Feed the recogniser until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            hearer = self._hearer
            if hearer is None:
                continue
            pcm = bytes(self._waiting)
            self._waiting.clear()
            try:
                async with hearer.busy, asyncio.timeout(self._feed_s):
                    told = await hearer.session.feed(pcm)
                self._told(hearer, told)
            except Exception as error:  # an engine's fault must not cost the call
                self._lose(hearer, error)

    async def finish(self, within_s: float) -> bool:
        """Understand everything said so far; False when that took too long and was given up."""
        self.rest()
        if not self._endings:
            return True
        _, late = await asyncio.wait(self._endings, timeout=within_s)
        for task in late:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*late, return_exceptions=True)
        return not late

    def _background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _end(self, hearer: Hearer, rest: bytes) -> None:
        session = hearer.session
        try:
            async with hearer.busy:
                if rest:
                    async with asyncio.timeout(self._feed_s):
                        self._told(hearer, await session.feed(rest))
                self._told(hearer, await session.finish())
            self.failures += session.failures
            self.postponed += session.postponed
        except Exception as error:  # as in run
            self._lose(hearer, error)
        finally:
            session.close()

    def _lose(self, hearer: Hearer, error: Exception) -> None:
        if self._hearer is hearer:
            self._hearer = None
            self._waiting.clear()
        hearer.session.close()
        self._recogniser = None
        self._lost(error)


def recogniser_of(ports: Ports) -> tuple[Recogniser | None, EngineInfo, str | None]:
    """Return the recogniser, the engine behind it, and why there is none."""
    recogniser = ports.recogniser
    if isinstance(recogniser, Unavailable):
        return None, EngineInfo(engine="none", model="none"), recogniser.reason
    return recogniser, recogniser.info, None
