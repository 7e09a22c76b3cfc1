"""The transcript as a draft publishes it."""

import msgspec

from gateway.domain.transcript import Transcript, TranscriptSegment, TranscriptWord


def test_only_what_is_known_is_published() -> None:
    transcript = Transcript(
        engine="whisper",
        segments=(TranscriptSegment(speaker="citizen", start_ms=0, end_ms=900, text="停水了"),),
    )
    assert msgspec.json.decode(msgspec.json.encode(transcript)) == {
        "engine": "whisper",
        "segments": [{"speaker": "citizen", "start_ms": 0, "end_ms": 900, "text": "停水了"}],
    }


def test_a_transcript_survives_json() -> None:
    word = TranscriptWord(text="停水", start_ms=0, end_ms=500, confidence=0.5)
    segment = TranscriptSegment(
        speaker="operator", start_ms=0, end_ms=900, text="停水了", confidence=0.9, words=(word,)
    )
    transcript = Transcript(
        engine="e", model="m", language="zh", confidence=0.9, duration_ms=1000, segments=(segment,)
    )
    assert msgspec.json.decode(msgspec.json.encode(transcript), type=Transcript) == transcript


def test_the_text_has_one_line_an_utterance() -> None:
    def said(text: str) -> TranscriptSegment:
        return TranscriptSegment(speaker="citizen", start_ms=0, end_ms=1, text=text)

    assert Transcript(segments=(said("停水了"), said("请来修"))).text == "停水了\n请来修"
