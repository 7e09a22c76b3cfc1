"""What there is to read in a draft: the citizen's own words, each piece with its source."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.domain.draft import Evidence, WorkOrderDraft

READ_LIMIT = 10_000
"""Characters that are read of one draft; nobody states their business later than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One piece of what the citizen said or wrote.

    ``source`` is the id of a message or the index of a transcript segment, as ``Evidence`` names
    it. ``spoken``: the text comes out of a speech recogniser, so any word of it may be wrong.
    """

    text: str
    source: str | None = None
    spoken: bool = False

    def quote(self, start: int, end: int) -> Evidence:
        """Return the characters from ``start`` up to ``end`` as evidence."""
        return Evidence(text=self.text[start:end], source=self.source, start=start, end=end)


def passages_of(draft: WorkOrderDraft) -> tuple[Passage, ...]:
    """Return the citizen's messages, or what they said on the telephone, up to ``READ_LIMIT``."""
    return tuple(_bounded(tuple(_written(draft)) or tuple(_said(draft))))


def _written(draft: WorkOrderDraft) -> Iterator[Passage]:
    # A mixed draft does not tell which of its messages was dictated: then none is trusted.
    spoken = draft.request.content_source in {"asr", "mixed"}
    for message in draft.messages or ():
        if message.direction == "in" and message.text.strip():
            yield Passage(text=message.text, source=message.id, spoken=spoken)


def _said(draft: WorkOrderDraft) -> Iterator[Passage]:
    segments = () if draft.transcript is None else draft.transcript.segments
    for index, segment in enumerate(segments):
        if segment.speaker == "citizen" and segment.text.strip():
            yield Passage(text=segment.text, source=str(index), spoken=True)


def _bounded(passages: tuple[Passage, ...]) -> Iterator[Passage]:
    left = READ_LIMIT
    for passage in passages:
        if left <= 0:
            return
        yield Passage(text=passage.text[:left], source=passage.source, spoken=passage.spoken)
        left -= len(passage.text)
