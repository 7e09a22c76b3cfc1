"""Tells whoever watches what happens in a call this second; provisional words not too often."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from msgspec.structs import replace as replaced

from channels.voice.leg import Party
from gateway.channel.ports import Live, LiveNews
from gateway.channel.speech import Partial, Segment
from gateway.domain.ids import Clock
from gateway.domain.transcript import Speaker

_PARTIALS_EVERY_S = 0.3
SPEAKER: dict[Party, Speaker] = {Party.CALLER: "citizen", Party.AGENT: "operator"}


class Teller:
    """Tells of one call."""

    def __init__(self, live: Live, clock: Clock, call_id: str, *, before_ms: int = 0) -> None:
        """``before_ms`` is how much of the call was heard before this part of it."""
        self._before_ms = before_ms
        self._live = live
        self._clock = clock
        self._call_id = call_id
        self._partial_at: dict[Party, float] = {}
        self._partial_text: dict[Party, str] = {}
        self.draft_id: str | None = None

    def tell(self, kind: str, **data: Any) -> None:
        """Tell that something happened."""
        self._live.tell(
            LiveNews(
                type=kind,
                conversation=self._call_id,
                at=self._now(),
                draft_id=self.draft_id,
                data=data,
            )
        )

    def partial(self, party: Party, partial: Partial, offset_ms: int) -> None:
        """Tell provisional words, unless some were told a moment ago."""
        now = self._clock.monotonic()
        if partial.text == self._partial_text.get(party):
            return
        if now - self._partial_at.get(party, -_PARTIALS_EVERY_S) < _PARTIALS_EVERY_S:
            return
        self._partial_at[party] = now
        self._partial_text[party] = partial.text
        self.tell(
            "transcript.partial",
            speaker=SPEAKER[party],
            start_ms=partial.start_ms + offset_ms + self._before_ms,
            text=partial.text,
            stable_chars=partial.stable_chars,
        )

    def final(self, party: Party, segment: Segment) -> None:
        """Tell the words of a finished utterance."""
        self._partial_at.pop(party, None)
        self._partial_text.pop(party, None)
        self.tell(
            "transcript.final",
            speaker=SPEAKER[party],
            start_ms=segment.start_ms + self._before_ms,
            end_ms=segment.end_ms + self._before_ms,
            text=segment.text,
            confidence=segment.confidence,
        )

    def _now(self) -> datetime:
        return self._clock.now()


def moved(segment: Segment, offset_ms: int) -> Segment:
    """Return a segment in the call's own time."""
    if not offset_ms:
        return segment
    return replace(
        segment,
        start_ms=segment.start_ms + offset_ms,
        end_ms=segment.end_ms + offset_ms,
        words=tuple(
            replaced(word, start_ms=word.start_ms + offset_ms, end_ms=word.end_ms + offset_ms)
            for word in segment.words
        ),
    )
