"""Recognises a whole recording at once."""

from statistics import fmean

from gateway.channel.speech import Final, Recogniser
from gateway.domain.errors import GatewayError
from gateway.domain.transcript import Speaker, Transcript


class RecognitionError(GatewayError):
    """The engine failed on at least one utterance, so the transcript would have a hole."""


async def transcribe(
    recogniser: Recogniser,
    pcm: bytes,
    *,
    sample_rate: int,
    language: str,
    entry: str | None = None,
    topic: str | None = None,
    speaker: Speaker = "citizen",
    thorough: bool = True,
) -> Transcript:
    """Return everything said in ``pcm`` (mono, signed 16 bit, little-endian, ``sample_rate`` Hz).

    Raise RecognitionError when an utterance could not be decoded: trying again may help.
    """
    session = recogniser.session(
        sample_rate=sample_rate, language=language, entry=entry, topic=topic, thorough=thorough
    )
    try:
        events = [*await session.feed(pcm), *await session.finish()]
    finally:
        session.close()
    if session.failures:
        raise RecognitionError(
            f"{session.failures} utterances could not be recognised", "see the log and try again"
        )
    segments = tuple(e.segment.published(speaker) for e in events if isinstance(e, Final))
    return Transcript(
        engine=recogniser.info.engine,
        model=recogniser.info.model,
        language=language,
        confidence=_overall([s.confidence for s in segments if s.confidence is not None]),
        duration_ms=len(pcm) // 2 * 1000 // sample_rate,
        segments=segments,
    )


def _overall(confidences: list[float]) -> float | None:
    return round(fmean(confidences), 3) if confidences else None
