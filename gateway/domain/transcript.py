"""What was said in a recording, and when: the public shape carried inside a draft."""

from typing import Literal

import msgspec

Speaker = Literal["citizen", "operator", "system"]


class TranscriptWord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recognised word; times in milliseconds from the start of the recording."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None = None


class TranscriptSegment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One utterance of one speaker; ``confidence`` is 0 to 1, or absent when unknown.

    ``text_raw`` is what the engine itself wrote, where ``text`` was brought into another form.
    """

    speaker: Speaker
    start_ms: int
    end_ms: int
    text: str
    confidence: float | None = None
    words: tuple[TranscriptWord, ...] = ()
    text_raw: str | None = None


class Transcript(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The recognised speech of one recording, as the draft's ``transcript`` publishes it.

    No segments means that nothing intelligible was said. ``language`` is a BCP 47 tag.
    ``pass_no`` is absent for what was heard live and 2 for a second pass over the recording.
    """

    engine: str | None = None
    model: str | None = None
    language: str | None = None
    confidence: float | None = None
    duration_ms: int | None = None
    segments: tuple[TranscriptSegment, ...] = ()
    pass_no: int | None = None

    @property
    def text(self) -> str:
        """Everything said, one utterance a line."""
        return "\n".join(segment.text for segment in self.segments)

    def said_by(self, speaker: Speaker) -> str:
        """Return what one of them said, one utterance a line."""
        return "\n".join(one.text for one in self.segments if one.speaker == speaker and one.text)
