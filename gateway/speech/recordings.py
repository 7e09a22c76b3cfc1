"""Transcribes a stored recording: the second chance of a call that has no words yet."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.channel.speech import Unavailable
from gateway.domain.transcript import Transcript
from gateway.speech.transcription import transcribe

if TYPE_CHECKING:  # signal processing is for processes that have a recogniser
    from gateway.speech.session import GatedRecogniser


@dataclass(frozen=True, slots=True)
class RecordingReader:
    """Reads recordings by their content hash; the caller's voice is the left channel."""

    recogniser: "GatedRecogniser | Unavailable"
    language: str
    path: Callable[[str], Path]

    async def transcribe(self, sha256: str) -> Transcript | None:
        """Return what was said, or None when there is no recogniser."""
        if isinstance(self.recogniser, Unavailable):
            return None
        from gateway.speech.audio import read_audio

        audio = await asyncio.to_thread(read_audio, self.path(sha256), channel=0)
        return await transcribe(
            self.recogniser, audio.pcm, sample_rate=audio.sample_rate, language=self.language
        )
