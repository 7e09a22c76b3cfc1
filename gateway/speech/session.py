"""Listens to one speaker: gates the audio, decodes each utterance, and never blocks the caller.

The gate has a thread of its own, because "the caller fell silent" must be known in time even when
every decoder is busy. A session has at most one utterance being decoded, so one long call cannot
take all cores.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soxr

from gateway.channel.speech import (
    EngineInfo,
    Feature,
    Final,
    Segment,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
)
from gateway.domain.errors import GatewayError
from gateway.domain.transcript import TranscriptWord
from gateway.speech.endpointing import (
    LIVE,
    RATE,
    RECORDED,
    Began,
    Endpointer,
    Endpointing,
    Samples,
    Utterance,
    VoiceDetector,
)
from gateway.speech.engine import Decode, Decoded, Effort, Engine
from gateway.speech.lexicon import Lexicon
from gateway.speech.text import Guard, TextForm

_log = logging.getLogger(__name__)
_RATES = range(4000, 192_001)


class GatedRecogniser:
    """A Recogniser: any engine behind the voice-activity gate."""

    def __init__(
        self,
        engine: Engine,
        *,
        detector: Callable[[], VoiceDetector],
        workers: int,
        live: Endpointing = LIVE,
        recorded: Endpointing = RECORDED,
        lexicon: Lexicon | None = None,
    ) -> None:
        self._engine = engine
        self._lexicon = lexicon or Lexicon()
        self._form = TextForm(Guard(self._lexicon.places))
        self._detector = detector
        self._live = live
        self._recorded = recorded
        self._gate = ThreadPoolExecutor(1, "speech-gate")
        self._decoders = ThreadPoolExecutor(workers, "speech-decoder")

    @property
    def info(self) -> EngineInfo:
        """Name the engine and its model."""
        return self._engine.info

    def session(
        self,
        *,
        sample_rate: int,
        language: str,
        entry: str | None = None,
        topic: str | None = None,
        thorough: bool = False,
    ) -> "GatedSession":
        """Start to listen; see the Recogniser port."""
        if sample_rate not in _RATES:
            raise GatewayError(
                f"cannot recognise audio at {sample_rate} Hz", "send 8000 or 16000 Hz"
            )
        return GatedSession(
            endpointer=Endpointer(self._detector(), self._recorded if thorough else self._live),
            sample_rate=sample_rate,
            decode=self._writing(
                self._engine.decoder(
                    language=language,
                    hotwords=self._lexicon.words(entry, topic),
                    effort=Effort.THOROUGH if thorough else Effort.USUAL,
                ),
                language,
            ),
            gate=self._gate,
            decoders=self._decoders,
        )

    def _writing(self, decode: Decode, language: str) -> Decode:
        """Return ``decode`` with its text in the form people write; ``text_raw`` stays."""
        punctuation = Feature.PUNCTUATION in self.info.features

        def write(audio: Samples) -> Decoded | None:
            heard = decode(audio)
            return heard and self._form(heard, language=language, punctuation=punctuation)

        return write

    def close(self) -> None:
        """Stop the threads, after the utterances that are being decoded."""
        self._gate.shutdown(cancel_futures=True)
        self._decoders.shutdown(cancel_futures=True)


class GatedSession:
    """A RecogniserSession over two thread pools; used on one event loop."""

    def __init__(
        self,
        *,
        endpointer: Endpointer,
        sample_rate: int,
        decode: Decode,
        gate: ThreadPoolExecutor,
        decoders: ThreadPoolExecutor,
    ) -> None:
        self._endpointer = endpointer
        self._resampler = (
            None
            if sample_rate == RATE
            else soxr.ResampleStream(sample_rate, RATE, 1, dtype="float32")
        )
        self._decode = decode
        self._gate = gate
        self._decoders = decoders
        self._inbox = bytearray()
        self._ended = False
        self._closed = False
        self._utterances: deque[Utterance] = deque()
        self._ready: list[SpeechEvent] = []
        self._gating: asyncio.Task[None] | None = None
        self._decoding: asyncio.Task[None] | None = None
        self._failures = 0

    @property
    def failures(self) -> int:
        """How many utterances the engine could not decode."""
        return self._failures

    @property
    def postponed(self) -> int:
        """How many utterances were left to a later pass."""
        return 0

    async def feed(self, pcm: bytes) -> Sequence[SpeechEvent]:
        """Queue audio and return what is known by now."""
        if not (self._closed or self._ended):
            self._inbox += pcm
            if self._gating is None and len(self._inbox) > 1:
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
        self._ready.clear()

    def _taken(self) -> list[SpeechEvent]:
        ready, self._ready = self._ready, []
        return ready

    async def _run_gate(self) -> None:
        try:
            while len(self._inbox) > 1 and not self._closed:
                await self._gate_once(last=False)
        finally:
            self._gating = None

    async def _gate_once(self, *, last: bool) -> None:
        whole = len(self._inbox) // 2 * 2
        pcm, self._inbox = bytes(self._inbox[:whole]), self._inbox[whole:]
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._gate, self._judge, pcm, last)
        except Exception:
            self._fail("the voice-activity gate failed on a stretch of audio")
            return
        for event in found:
            self._note(event)

    def _judge(self, pcm: bytes, last: bool) -> list[Began | Utterance]:
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        if self._resampler is not None:
            samples = np.asarray(self._resampler.resample_chunk(samples, last), np.float32)
        found = self._endpointer.feed(samples)
        return found + self._endpointer.finish() if last else found

    def _note(self, event: Began | Utterance) -> None:
        if self._closed:
            return
        match event:
            case Began(sample):
                self._ready.append(SpeechStarted(at_ms=_ms(sample)))
            case Utterance():
                self._ready.append(SpeechEnded(at_ms=_ms(event.end)))
                self._utterances.append(event)
                if self._decoding is None:
                    self._decoding = asyncio.create_task(self._run_decoder())

    async def _run_decoder(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._utterances:
                utterance = self._utterances.popleft()
                decoded = await self._attempt(
                    loop.run_in_executor(self._decoders, self._decode, utterance.audio)
                )
                if decoded is not None and not self._closed:
                    self._ready.append(Final(segment=_segment(utterance, decoded)))
        finally:
            self._decoding = None

    async def _attempt(self, work: "asyncio.Future[Decoded | None]") -> Decoded | None:
        try:
            return await work
        except Exception:
            # Whatever goes wrong inside an engine, the call and its recording go on.
            self._fail("an utterance could not be recognised")
            return None

    def _fail(self, what: str) -> None:
        self._failures += 1
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
