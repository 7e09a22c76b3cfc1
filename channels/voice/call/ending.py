"""What is told of a call when it is over, or when another performer goes on with it."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass

from channels.voice import events
from channels.voice.call.ears import Ears
from channels.voice.call.handover import Handover
from channels.voice.call.line import Line
from channels.voice.call.performing import Performer
from channels.voice.call.reaching import Reaching
from channels.voice.call.tape import Tape
from channels.voice.call.understanding import Understanding
from channels.voice.leg import Call
from gateway.channel.ports import Log
from gateway.domain.contact import phone_of
from gateway.domain.ids import Clock
from gateway.domain.intake import CallEvent, CallMoment, MediaRef

ABANDONED_IN_QUEUE = "abandoned_in_queue"
MISSED = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Looks at every part of a call to say what became of it."""

    call: Call
    clock: Clock
    log: Log
    line: Line
    tape: Tape
    ears: Sequence[Ears]
    performer: Performer
    reaching: Reaching
    understanding: Understanding
    before: Handover

    async def sealed(self, within_s: float) -> MediaRef | None:
        """Seal the recording; None when there is none, or the disk takes too long."""
        try:
            async with asyncio.timeout(within_s):
                stored = await self.tape.finish()
        except TimeoutError:
            self.log.warning("recording_not_sealed", call=self.call.call_id)
            return None
        if stored is None:
            return None
        before = self.before
        return events.media(self.call, before.recordings + 1, stored, stretch=before.stretch)

    def transcript_missing(self, *, understood: bool) -> str | None:
        """Return why words are missing, in words for the draft; None when none are."""
        if not understood:
            return "the recogniser did not finish in time"
        if failures := sum(ears.failures for ears in self.ears):
            return f"{failures} utterance(s) could not be recognised"
        if postponed := sum(ears.postponed for ears in self.ears):
            return f"{postponed} utterance(s) were left to a second pass"
        if self.performer.recorded_only:
            return "a message that was only recorded"
        return None

    def end(self, cause: str, recording: MediaRef | None, missing: str | None) -> CallEvent:
        """Return the end of the call; who was not served is to be called back."""
        talked = bool(self.reaching.spans)
        silent = not (self.understanding.spoke or self.before.utterances)
        silent = silent and not (self.performer.served or talked)
        if missing is not None:
            silent = silent and not self.line.hearing.spoke_since(0)
        reason = MISSED if silent else None
        if self.performer.waiting and not talked:
            reason = ABANDONED_IN_QUEUE
        number = phone_of(events.contact_of(self.call))
        return events.ended(
            self.call,
            CallMoment.ABANDONED if silent else CallMoment.ENDED,
            at=self.clock.now(),
            cause=cause,
            digits=self.line.keypad.digits,
            duration_ms=self.before.heard_ms + self.line.now,
            recording=recording,
            transcript_missing=missing,
            callback_number=number if reason else None,
            callback_reason=reason if number else None,
            connected=self.reaching.spans,
            stretch=self.before.stretch,
        )

    def pause(self, handover: Handover, recording: MediaRef | None) -> CallEvent:
        """Return what is kept when somebody else goes on with the call."""
        return events.progress(
            self.call,
            handover.notes,
            at=self.clock.now(),
            stretch=handover.stretch,
            recording=recording,
            connected=self.reaching.spans,
            digits=handover.digits,
            duration_ms=handover.heard_ms,
        )


async def undisturbed(work: Coroutine[None, None, None]) -> None:
    """Finish ``work`` even when cancelled meanwhile: a draft's end is worth seconds of shutdown."""
    task = asyncio.create_task(work)
    cancelled = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled
