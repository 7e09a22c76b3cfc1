"""Transcribes a stored recording: what was not heard live, or not well enough."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gateway.channel.speech import Unavailable
from gateway.domain.errors import GatewayError
from gateway.domain.intake import Span
from gateway.domain.transcript import Speaker, Transcript
from gateway.speech.decoding import AudioError
from gateway.speech.transcription import transcribe

if TYPE_CHECKING:  # signal processing is for processes that have a recogniser
    from gateway.speech.audio import Audio
    from gateway.speech.session import GatedRecogniser

_CALLER, _GATEWAY = 0, 1


@dataclass(frozen=True, slots=True)
class RecordingReader:
    """Reads recordings by their content hash.

    The caller's voice is the left channel. The right one holds the gateway's own prompts, and a
    person's words while one was connected.
    """

    recogniser: "GatedRecogniser | Unavailable"
    language: str
    path: Callable[[str], Path]

    async def transcribe(
        self,
        sha256: str,
        *,
        language: str | None = None,
        entry: str | None = None,
        topic: str | None = None,
        connected: Sequence[Span] = (),
    ) -> Transcript | None:
        """Return what was said, or None when there is no recogniser.

        Raise AudioError, with the reason alone, for a recording that cannot be read.

        ``connected`` is when a person was on the line: only then the right channel is listened to.
        ``language`` (BCP 47) is the caller's; ``entry`` and ``topic`` choose the words to expect.
        """
        recogniser = self.recogniser
        if isinstance(recogniser, Unavailable):
            return None
        spoken = (language or self.language).partition("-")[0].lower()

        async def heard(audio: "Audio", speaker: Speaker) -> Transcript:
            return await transcribe(
                recogniser,
                audio.pcm,
                sample_rate=audio.sample_rate,
                language=spoken,
                entry=entry,
                topic=topic,
                speaker=speaker,
            )

        left = await self._channel(sha256, _CALLER)
        citizen = await heard(left, "citizen")
        if not connected:
            return citizen
        right = await self._channel(sha256, _GATEWAY)
        if right.pcm == left.pcm:  # a recording of one channel holds nobody else apart
            return citizen
        operator = await heard(await asyncio.to_thread(_only, right, connected), "operator")
        segments = (*citizen.segments, *operator.segments)
        return replace(citizen, segments=tuple(sorted(segments, key=lambda one: one.start_ms)))

    async def _channel(self, sha256: str, channel: int) -> "Audio":
        from gateway.speech.audio import read_audio

        path = self.path(sha256)
        if not path.is_file():
            raise GatewayError(
                "a recording is not in the blobs directory", "see that the directory is all there"
            )
        try:
            return await asyncio.to_thread(read_audio, path, channel=channel)
        except AudioError as error:
            # People read this on the draft: where the file lies is not for them.
            raise AudioError(error.message.removeprefix(f"{path}: "), error.cure) from error


def _only(audio: "Audio", spans: Sequence[Span]) -> "Audio":
    """Return the audio with silence wherever nobody was connected; its times stay as they are."""
    from gateway.speech.audio import Audio

    kept = bytearray(len(audio.pcm))
    for span in spans:
        first, last = (2 * (at * audio.sample_rate // 1000) for at in (span.start_ms, span.end_ms))
        piece = audio.pcm[max(first, 0) : max(last, 0)]
        kept[max(first, 0) : max(first, 0) + len(piece)] = piece
    return Audio(pcm=bytes(kept), sample_rate=audio.sample_rate)
