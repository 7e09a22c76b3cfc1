"""Keeps what happens in a call, in order and at once: a crash costs what was not said yet.

Events are numbered here, so that each has a ``dedupe_key`` of its own: telling one twice is safe.
"""

import asyncio
from collections.abc import Mapping, Sequence

from channels.voice import events
from channels.voice.call.cause import Cause
from channels.voice.call.handover import Handover
from channels.voice.call.line import Line
from channels.voice.call.telling import moved
from channels.voice.leg import Call
from gateway.channel.errors import StoreBusy
from gateway.channel.ports import Log, Sink
from gateway.channel.speech import EngineInfo, Segment
from gateway.domain.ids import Clock
from gateway.domain.intake import CallEvent, MediaRef, Outcome, Span, StoredEvent
from gateway.domain.transcript import Speaker

_COMMITS_WITHIN_S = 10.0
_MOST_NOTES = 200
"""Notes of one call; a flow that never ends must not fill a draft."""


class Journal:
    """What of one call is stored, and what still has to be."""

    def __init__(
        self,
        call: Call,
        *,
        sink: Sink,
        clock: Clock,
        log: Log,
        line: Line,
        retry_waits_s: Sequence[float],
        before: Handover,
    ) -> None:
        self._call = call
        self._sink = sink
        self._clock = clock
        self._log = log
        self._line = line
        self._retry_waits_s = retry_waits_s
        self._stretch = before.stretch
        self._before_ms = before.heard_ms
        self._due = asyncio.Event()
        self._unkept: dict[str, StoredEvent] = {}
        self._facts: dict[str, str] = {}
        self._language: str | None = None
        self.utterances = before.utterances
        self.notes = before.notes
        self.outcome = Outcome(status="busy")

    @property
    def settled(self) -> bool:
        """Whether everything known is stored."""
        return not self._unkept

    async def begin(self, language: str, flow: str) -> bool:
        """Store that the call began; False when it had been stored before: a call played back.

        A store that stays busy is trouble for the line, and the event waits with the others.
        """
        at = self._call.began_at or self._clock.now()
        if self._stretch:
            at = self._clock.now()
        begun = events.started(self._call, at, language, flow=flow, stretch=self._stretch)
        self._language = language
        return await self._first(begun)

    async def overhear(self) -> bool:
        """Store that words follow of people who talk elsewhere; False as for ``begin``."""
        return await self._first(self.progress(words_pending=True))

    async def _first(self, event: CallEvent) -> bool:
        try:
            self.outcome, attempts = await self._commit([event])
        except StoreBusy:
            self._unkept[event.dedupe_key] = event
            self._line.fail(Cause.STORE_BUSY)
            return True
        # After a failed attempt the first may have been stored all the same: that is no replay.
        return self.outcome.status != "duplicate" or attempts > 1

    def said(
        self, segment: Segment, *, engine: EngineInfo, language: str, speaker: Speaker
    ) -> None:
        """Note what somebody said."""
        self.utterances += 1
        self._note(
            events.utterance(
                self._call,
                self.utterances,
                moved(segment, self._before_ms),
                at=self._clock.now(),
                engine=engine,
                language=language,
                speaker=speaker,
                stretch=self._stretch,
            )
        )

    def learnt(self, facts: Mapping[str, str], language: str | None = None) -> None:
        """Note what the flow learnt, as far as that is news."""
        news = {name: value for name, value in facts.items() if self._facts.get(name) != value}
        chosen = language if language != self._language else None
        if (not news and chosen is None) or self.notes >= _MOST_NOTES:
            return
        self._facts |= news
        self._language = language or self._language
        self._note(self.progress(facts=news, language=chosen))

    def progress(
        self,
        *,
        facts: Mapping[str, str] | None = None,
        language: str | None = None,
        rating: int | None = None,
        callback_number: str | None = None,
        callback_reason: str | None = None,
        recording: MediaRef | None = None,
        connected: Sequence[Span] = (),
        served: bool = False,
        words_pending: bool | None = None,
        transcript_missing: str | None = None,
    ) -> CallEvent:
        """Return a numbered event of this call, not noted yet."""
        self.notes += 1
        return events.progress(
            self._call,
            self.notes,
            at=self._clock.now(),
            stretch=self._stretch,
            facts=facts,
            language=language,
            rating=rating,
            callback_number=callback_number,
            callback_reason=callback_reason,
            recording=recording,
            connected=connected,
            served=served,
            words_pending=words_pending,
            transcript_missing=transcript_missing,
        )

    async def keep(self, event: CallEvent) -> Outcome:
        """Store an event with everything that waits, and only then return.

        Raises ``StoreBusy``; then the event waits with the others, for the end of the call.
        """
        self._unkept[event.dedupe_key] = event
        return await self._store()

    async def run(self) -> None:
        """Store what is noted, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._store()
            except StoreBusy:
                self._line.fail(Cause.STORE_BUSY)
            self._line.ring()

    async def close(self, last: StoredEvent) -> bool:
        """Store what still waits and the last event; False when that is impossible."""
        try:
            await self.keep_all(last)
        except StoreBusy:
            self._log.warning("call_end_not_stored", call=self._call.call_id)
            return False
        return True

    async def keep_all(self, last: StoredEvent) -> None:
        """Store everything in one transaction, with ``last`` at its end; raises ``StoreBusy``."""
        await self._commit([*self._unkept.values(), last])
        self._unkept.clear()

    def _note(self, event: StoredEvent) -> None:
        self._unkept[event.dedupe_key] = event
        self._due.set()

    async def _store(self) -> Outcome:
        waiting = list(self._unkept.values())
        if not waiting:
            return self.outcome
        outcome, _ = await self._commit(waiting)
        for event in waiting:
            self._unkept.pop(event.dedupe_key, None)
        self.outcome = outcome if outcome.receipt_no else self.outcome
        return self.outcome

    async def _commit(self, stored: Sequence[StoredEvent]) -> tuple[Outcome, int]:
        """Store events, trying again for a short while; also return how many attempts it took."""
        attempt = 1
        while True:
            try:
                async with asyncio.timeout(_COMMITS_WITHIN_S):
                    return await self._sink.commit(stored), attempt
            except Exception as error:  # whatever a store has, the caller must hear of it
                if not isinstance(error, StoreBusy | TimeoutError):
                    self._log.warning(
                        "call_not_stored", call=self._call.call_id, error=type(error).__name__
                    )
                if attempt > len(self._retry_waits_s):
                    raise StoreBusy from error
            await asyncio.sleep(self._retry_waits_s[attempt - 1])
            attempt += 1
