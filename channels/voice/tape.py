"""The recording of a call: the caller on the left, the gateway on the right, on one time line."""

import numpy as np

from channels.voice.leg import BYTES_PER_MS, SAMPLE_RATE
from gateway.channel.ports import Log
from gateway.channel.speech import Recorder, Recording, StoredRecording

# One write for each 20 ms frame would cost more than the audio itself.
_BATCH_BYTES = 200 * BYTES_PER_MS


class Tape:
    """Records one call; a recorder that fails never disturbs the call, ``broken`` says so."""

    def __init__(self, recorder: Recorder, log: Log, call_id: str) -> None:
        self._recorder = recorder
        self._log = log
        self._call_id = call_id
        self._recording: Recording | None = None
        self._heard = bytearray()
        self._said = bytearray()
        self.broken = False

    async def open(self) -> None:
        """Begin to record."""
        try:
            self._recording = await self._recorder.open(self._call_id, SAMPLE_RATE, 2)
        except Exception as error:  # whatever the disk has: the caller must be heard all the same
            self._fail(error)

    async def hear(self, pcm: bytes) -> None:
        """Append the caller's audio, with what the gateway says at the same time beside it."""
        self._heard += pcm
        if len(self._heard) >= _BATCH_BYTES:
            await self._write()

    def say(self, pcm: bytes) -> None:
        """Note that the gateway says this from now on, behind what it is still saying."""
        pause = len(self._heard) - len(self._said)
        self._said += bytes(max(pause, 0)) + pcm

    def hush(self) -> None:
        """Note that what was still to be said is taken back."""
        del self._said[len(self._heard) :]

    async def finish(self) -> StoredRecording | None:
        """Seal the recording; None when there is none."""
        await self._write()
        if self._recording is None:
            return None
        try:
            return await self._recording.finish()
        except Exception as error:  # as in open
            self._fail(error)
            return None

    async def _write(self) -> None:
        left = bytes(self._heard)
        right = bytes(self._said[: len(left)])
        self._heard.clear()
        del self._said[: len(left)]
        if self._recording is None or self.broken or not left:
            return
        both = np.zeros((len(left) // 2, 2), "<i2")
        both[:, 0] = np.frombuffer(left, "<i2")
        both[: len(right) // 2, 1] = np.frombuffer(right, "<i2")
        try:
            await self._recording.write(both.tobytes())
        except Exception as error:  # as in open
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.broken = True
        self._log.warning("recording_failed", call=self._call_id, error=type(error).__name__)
