"""Sends what the recogniser tells where it belongs: the clock of silence, journal and flow."""

import re
from collections.abc import Sequence

from channels.voice.call.answer import Answer
from channels.voice.call.ears import Hearer
from channels.voice.call.journal import Journal
from channels.voice.call.line import Line
from channels.voice.call.telling import SPEAKER, Teller, moved
from channels.voice.ivr.words import digits
from channels.voice.leg import Party
from gateway.channel.speech import (
    EngineInfo,
    Final,
    Partial,
    Segment,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
)
from gateway.domain.intake import Fact

# Mobile numbers, and land lines with their area code, as people in China say them.
_PHONE = re.compile(r"(?:1[3-9]\d{9}|0\d{9,11})")
_WAITS_FOR_WORDS_MS = 30_000
_SAME_UTTERANCE_MS = 400


class Understanding:
    """What is understood in one call, of both parties."""

    def __init__(self, *, line: Line, journal: Journal, teller: Teller, engine: EngineInfo) -> None:
        self._line = line
        self._journal = journal
        self._teller = teller
        self._engine = engine
        self._unworded_since: int | None = None
        self._answered_at = -_WAITS_FOR_WORDS_MS
        self.answer: Answer | None = None
        """The answer a question waits for."""
        self.spoke = False
        """Whether the caller said anything but commands."""

    @property
    def words_pending(self) -> bool:
        """Whether the caller has said something whose words are not known yet."""
        since = self._unworded_since
        return since is not None and self._line.now - since < _WAITS_FOR_WORDS_MS

    def told(self, hearer: Hearer, news: Sequence[SpeechEvent]) -> None:
        """Take what the recogniser told of one party."""
        for event in news:
            if hearer.party is Party.CALLER:
                self._notice(event, hearer.offset_ms)
            match event:
                case Partial():
                    self._teller.partial(hearer.party, event, hearer.offset_ms)
                case Final(segment=segment) if segment.text.strip():
                    self._said(hearer, moved(segment, hearer.offset_ms))
                case _:
                    pass
        if news:
            self._line.ring()

    def _notice(self, event: SpeechEvent, offset_ms: int) -> None:
        hearing = self._line.hearing
        match event:
            case SpeechStarted(at_ms=at_ms):
                hearing.began(at_ms + offset_ms)
                self._unworded_since = self._line.now
            case SpeechEnded(at_ms=at_ms):
                hearing.fell_silent(at_ms + offset_ms)
            case Partial(start_ms=start_ms, text=text, stable_chars=stable):
                hearing.understood(text)
                start_ms += offset_ms
                if self.answer is not None and self.answer.provisional(start_ms, text, stable):
                    self._answered_at = start_ms
            case Final(segment=segment):
                hearing.understood(segment.text)
                self._unworded_since = None

    def _said(self, hearer: Hearer, segment: Segment) -> None:
        caller = hearer.party is Party.CALLER
        self._teller.final(hearer.party, segment)
        if caller:
            self._suggest_phone(segment.text)
            if abs(segment.start_ms - self._answered_at) <= _SAME_UTTERANCE_MS:
                return  # it answered a question before it was over
            if self.answer is not None and self.answer.final(segment.start_ms, segment.text):
                return
            self.spoke = True
        self._journal.said(
            segment,
            engine=self._engine,
            language=hearer.language,
            speaker=SPEAKER[hearer.party],
        )

    def _suggest_phone(self, text: str) -> None:
        """Note a telephone number that was spoken: a suggestion until somebody confirms it."""
        if found := _PHONE.fullmatch(digits(text)):
            self._journal.learnt({Fact.PHONE_SPOKEN: found[0]})
