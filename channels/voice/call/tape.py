"""The recording of a call on one time line: the caller on the left, what he hears on the right.

A writer of its own does the writing, so that a slow disk never delays a call.
"""

import asyncio

import numpy as np

from channels.voice.call.echo import DELAY_MS, HEARD_MS
from channels.voice.leg import BYTES_PER_MS, SAMPLE_RATE
from gateway.channel.ports import Log
from gateway.channel.speech import Recorder, Recording, StoredRecording

# One write for each 20 ms frame would cost more than the audio itself.
_BATCH_BYTES = 200 * BYTES_PER_MS
# A person's voice comes another way than the caller's and may be a little later.
_HELD_BACK_BYTES = 300 * BYTES_PER_MS
_REMEMBERED_BYTES = (HEARD_MS + DELAY_MS) * BYTES_PER_MS
_OPENS_WITHIN_S = 5.0
_MOST_AHEAD_BYTES = 5000 * BYTES_PER_MS
_MOST_UNWRITTEN_BYTES = 60_000 * BYTES_PER_MS


class Tape:
    """Records one call; a recorder that fails never disturbs the call, ``broken`` says so."""

    def __init__(self, recorder: Recorder, log: Log, call_id: str) -> None:
        self._recorder = recorder
        self._log = log
        self._call_id = call_id
        self._recording: Recording | None = None
        # Both begin at the same moment; the first ``_written`` bytes are kept for ``recent`` only.
        self._left = bytearray()
        self._right = bytearray()
        self._written = 0
        self._said_to = 0
        self._agent_to = 0
        self._due = asyncio.Event()
        self.broken = False

    async def open(self) -> None:
        """Begin to record."""
        try:
            async with asyncio.timeout(_OPENS_WITHIN_S):
                self._recording = await self._recorder.open(self._call_id, SAMPLE_RATE, 2)
        except Exception as error:  # whatever the disk has: the caller must be heard all the same
            self._fail(error)

    def hear(self, pcm: bytes) -> None:
        """Append the caller's audio."""
        self._left += pcm
        waiting = len(self._left) - self._written
        if waiting >= _BATCH_BYTES + _HELD_BACK_BYTES:
            self._due.set()
            if self.broken or self._recording is None:
                self._next_batch(_HELD_BACK_BYTES)
            elif waiting > _MOST_UNWRITTEN_BYTES:
                self._fail(TimeoutError())

    def say(self, pcm: bytes) -> None:
        """Note that the gateway says this from now on, behind what it is still saying."""
        start = max(self._said_to, len(self._left))
        self._put(start, pcm)
        self._said_to = start + len(pcm)

    def hush(self) -> None:
        """Note that what was still to be said is taken back."""
        del self._right[len(self._left) :]
        self._said_to = len(self._left)

    def joined(self) -> None:
        """Note that a person joins the caller now."""
        self._agent_to = len(self._left)

    def hear_agent(self, pcm: bytes) -> None:
        """Append the person's audio."""
        start = max(self._agent_to, self._written)
        if start - len(self._left) <= _MOST_AHEAD_BYTES:
            self._put(start, pcm)
            self._agent_to = start + len(pcm)

    def recent(self) -> tuple[bytes, bytes]:
        """Return what was heard and what was said in the last moments; both end now."""
        end = len(self._left)
        begin = max(0, end - _REMEMBERED_BYTES)
        return bytes(self._left[begin:end]), bytes(self._right[begin:end])

    async def run(self) -> None:
        """Write what there is to write, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            await self._write(self._next_batch(_HELD_BACK_BYTES))

    async def finish(self) -> StoredRecording | None:
        """Seal the recording; None when there is none. To be called once ``run`` has ended."""
        await self._write(self._next_batch(0))
        if self._recording is None:
            return None
        try:
            return await self._recording.finish()
        except Exception as error:  # as in open
            self._fail(error)
            return None

    def _put(self, start: int, pcm: bytes) -> None:
        if len(self._right) < start:
            self._right += bytes(start - len(self._right))
        end = min(start + len(pcm), len(self._right))
        if end > start:
            there = np.frombuffer(bytes(self._right[start:end]), "<i2").astype(np.int32)
            mixed = there + np.frombuffer(pcm[: end - start], "<i2")
            self._right[start:end] = np.clip(mixed, -32768, 32767).astype("<i2").tobytes()
        self._right += pcm[end - start :]

    def _next_batch(self, held_back: int) -> bytes:
        """Take what is due, both sides interleaved."""
        end = len(self._left) - held_back
        if end <= self._written:
            return b""
        left = self._left[self._written : end]
        right = self._right[self._written : end]
        self._written = end
        forgotten = self._written - _REMEMBERED_BYTES
        if forgotten > _REMEMBERED_BYTES:
            self._forget(forgotten)
        both = np.zeros((len(left) // 2, 2), "<i2")
        both[:, 0] = np.frombuffer(bytes(left), "<i2")
        both[: len(right) // 2, 1] = np.frombuffer(bytes(right), "<i2")
        return both.tobytes()

    def _forget(self, count: int) -> None:
        del self._left[:count]
        del self._right[:count]
        self._written -= count
        self._said_to = max(0, self._said_to - count)
        self._agent_to = max(0, self._agent_to - count)

    async def _write(self, both: bytes) -> None:
        if self._recording is None or self.broken or not both:
            return
        try:
            await self._recording.write(both)
        except Exception as error:  # as in open
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.broken = True
        self._log.warning("recording_failed", call=self._call_id, error=type(error).__name__)
