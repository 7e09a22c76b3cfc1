"""Listens to one speaker, and never blocks the caller.

One task takes what the gate found to a decoder: first what is finished, then an utterance that may
be (the voice paused: when it stays silent its text is there at once), then a sketch of what is
being said. Sketches are never queued: a late one is replaced by a later one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from gateway.channel.speech import (
    Final,
    Partial,
    Segment,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
)
from gateway.domain.transcript import TranscriptWord
from gateway.speech.admission import Admission, Room, Watch
from gateway.speech.agreement import Agreement
from gateway.speech.endpointing import RATE, Began, Utterance
from gateway.speech.engine import Decoded
from gateway.speech.gate import Gate, Gated, Ongoing, Paused, Tone
from gateway.speech.hearers import Hearer

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What an utterance says if it ended where the voice paused."""

    place: tuple[int, int]
    decoded: Decoded | None


class GatedSession:
    """A RecogniserSession over two thread pools; used on one event loop.

    ``live`` gives provisional texts, and leaves utterances out when there is no room for them.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        hearer: Hearer,
        gates: Executor,
        decoders: Executor,
        admission: Admission,
        watch: Watch,
        live: bool,
        news: Callable[[], None] | None = None,
    ) -> None:
        self._gate = gate
        self._hearer = hearer
        self._gates = gates
        self._decoders = decoders
        self._admission = admission
        self._watch = watch
        self._live = live
        self._news = news
        self._inbox = bytearray()
        self._ended = False
        self._closed = False
        self._utterances: deque[Utterance] = deque()
        self._pause: Utterance | None = None
        self._ongoing: Utterance | None = None
        self._foreseen: _Foreseen | None = None
        self._agreement = Agreement()
        self._speaking: int | None = None
        self._shown = ""
        self._ready: list[SpeechEvent] = []
        self._gating: asyncio.Task[None] | None = None
        self._decoding: asyncio.Task[None] | None = None
        self._failures = 0
        self._postponed = 0

    @property
    def failures(self) -> int:
        """How many utterances the engine could not decode."""
        return self._failures

    @property
    def postponed(self) -> int:
        """How many utterances were left to a later pass."""
        return self._postponed

    @property
    def busy(self) -> bool:
        """Whether audio is being judged or decoded."""
        return self._gating is not None or self._decoding is not None

    async def feed(self, pcm: bytes) -> Sequence[SpeechEvent]:
        """Queue audio and return what is known by now."""
        if not (self._closed or self._ended):
            self._inbox += pcm
            if self._gating is None and len(self._inbox) >= self._gate.stride:
                self._gating = asyncio.create_task(self._run_gate())
        return self._taken()

    async def finish(self) -> Sequence[SpeechEvent]:
        """End the audio, wait for every utterance and return the remaining events."""
        self._ended = True
        if self._gating is not None:
            await self._gating
        if not self._closed:
            await self._gate_once(last=True)
        while self._decoding is not None:
            await self._decoding
        self._closed = True
        return self._taken()

    def close(self) -> None:
        """Drop whatever is unfinished."""
        self._closed = True
        self._inbox.clear()
        self._utterances.clear()
        self._pause = self._ongoing = None
        self._ready.clear()

    def _taken(self) -> list[SpeechEvent]:
        ready, self._ready = self._ready, []
        return ready

    # --- the gate

    async def _run_gate(self) -> None:
        try:
            while len(self._inbox) >= self._gate.stride and not self._closed:
                await self._gate_once(last=False)
        finally:
            self._gating = None

    async def _gate_once(self, *, last: bool) -> None:
        whole = len(self._inbox) // 2 * 2
        pcm, self._inbox = bytes(self._inbox[:whole]), self._inbox[whole:]
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._gates, lambda: self._gate.judge(pcm, last=last)
            )
        except Exception:
            self._fail("the voice-activity gate failed on a stretch of audio")
            return
        for event in found:
            if not self._closed:
                self._note(event)
        if self._decoding is None and self._wanted() and not self._closed:
            self._decoding = asyncio.create_task(self._run_decoder())
        self._tell_of_news()

    def _tell_of_news(self) -> None:
        if self._ready and self._news is not None and not self._ended:
            self._news()

    def _note(self, event: Gated) -> None:
        match event:
            case Began(sample):
                self._ready.append(SpeechStarted(at_ms=_ms(sample)))
                self._agreement, self._shown, self._speaking = Agreement(), "", sample
            case Tone(end):
                self._ready.append(SpeechEnded(at_ms=_ms(end)))
                self._speaking = self._pause = self._ongoing = None
            case Utterance():
                self._ready.append(SpeechEnded(at_ms=_ms(event.end)))
                self._speaking = self._pause = self._ongoing = None
                self._utterances.append(event)
            case Paused(perhaps):
                self._pause = perhaps if self._hearer.foresees else None
            case Ongoing(so_far):
                self._ongoing = so_far

    # --- the decoder

    def _wanted(self) -> bool:
        return bool(self._utterances) or self._pause is not None or self._ongoing is not None

    async def _run_decoder(self) -> None:
        try:
            while self._wanted():
                if self._utterances:
                    # A provisional text of what follows is worth less than this text in time.
                    await self._finish_one(self._utterances.popleft())
                elif self._admission.room is not Room.EVERYTHING:
                    self._pause = self._ongoing = None
                    self._watch.note("speech.partial_dropped")
                elif self._pause is not None:
                    pause, self._pause, self._ongoing = self._pause, None, None
                    await self._foresee(pause)
                elif self._ongoing is not None:
                    ongoing, self._ongoing = self._ongoing, None
                    await self._sketch(ongoing)
        finally:
            self._decoding = None

    async def _finish_one(self, utterance: Utterance) -> None:
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is not None and foreseen.place == (utterance.start, utterance.end):
            self._tell(utterance, foreseen.decoded)
            return
        if self._live and self._admission.room is Room.RECORDING_ONLY:
            self._postponed += 1
            self._watch.note("speech.postponed")
            return
        try:
            decoded = await self._at_work(lambda: self._hearer.final(utterance))
        except Exception:
            # Whatever goes wrong inside an engine, the call and its recording go on.
            self._fail("an utterance could not be recognised")
            return
        self._tell(utterance, decoded)

    async def _foresee(self, perhaps: Utterance) -> None:
        try:
            decoded = await self._at_work(lambda: self._hearer.final(perhaps))
        except Exception:
            # It is tried again when the utterance is really over, and counts only then.
            _log.warning("an utterance could not be recognised when its voice paused")
            return
        self._foreseen = _Foreseen((perhaps.start, perhaps.end), decoded)
        self._show(perhaps, decoded.text if decoded else "")

    async def _sketch(self, so_far: Utterance) -> None:
        try:
            text = await self._at_work(lambda: self._hearer.sketch(so_far))
        except Exception:
            _log.warning("a provisional text could not be made")
            return
        self._show(so_far, text)

    async def _at_work(self, work: Callable[[], _T]) -> _T:
        ticket = self._admission.wait()

        def begun() -> _T:
            self._admission.begin(ticket)
            return work()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._decoders, begun)
        finally:
            self._admission.leave(ticket)

    def _show(self, so_far: Utterance, hypothesis: str) -> None:
        """Tell a provisional text, unless its utterance is over by now or it says nothing new."""
        if self._closed or not self._live or self._speaking != so_far.start:
            return
        text, stable = self._agreement.update(hypothesis)
        if text and text != self._shown:
            self._shown = text
            self._ready.append(Partial(start_ms=_ms(so_far.start), text=text, stable_chars=stable))
            self._tell_of_news()

    def _tell(self, utterance: Utterance, decoded: Decoded | None) -> None:
        if decoded is not None and not self._closed:
            self._ready.append(Final(segment=_segment(utterance, decoded)))
            self._tell_of_news()

    def _fail(self, what: str) -> None:
        self._failures += 1
        self._watch.note("speech.failed")
        _log.exception(what)


def _segment(utterance: Utterance, decoded: Decoded) -> Segment:
    # The audio begins a little before the voice, and the engine's word times count from there.
    offset = _ms(utterance.audio_start)
    start = _ms(utterance.start)
    return Segment(
        start_ms=start,
        end_ms=_ms(utterance.end),
        text=decoded.text,
        text_raw=decoded.text_raw,
        confidence=decoded.confidence,
        no_speech=decoded.no_speech,
        words=tuple(
            TranscriptWord(
                text=word.text,
                # An engine lets its first word begin with the air before the voice.
                start_ms=max(word.start_ms + offset, start),
                end_ms=max(word.end_ms + offset, start),
                confidence=word.confidence,
            )
            for word in decoded.words
        ),
    )


def _ms(sample: int) -> int:
    return sample * 1000 // RATE
