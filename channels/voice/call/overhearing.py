"""Listens to two people whom a carrier has joined: their words and voices go into the draft.

Nothing is said here and nobody is led: the flow waits until the two have finished. A recording is
kept only when a person was heard, so that a telephone that rang in vain leaves none.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from channels.voice import events
from channels.voice.call.admission import Admission
from channels.voice.call.ears import Ears, Hearer, recogniser_of
from channels.voice.call.ending import undisturbed
from channels.voice.call.handover import Handover
from channels.voice.call.hearing import Loudness
from channels.voice.call.journal import Journal
from channels.voice.call.keypad import Keypad
from channels.voice.call.line import Line
from channels.voice.call.rules import Rules
from channels.voice.call.tape import Tape
from channels.voice.call.telling import Teller
from channels.voice.call.understanding import Understanding
from channels.voice.leg import BYTES_PER_MS, Audio, CallLeg, Party
from gateway.channel import Ports
from gateway.channel.speech import Final, SpeechEvent, SpeechStarted, StoredRecording
from gateway.domain.intake import Span

# A voice is recognised as one a moment after it began; what was before it is worth keeping.
_HELD_BYTES = 2 * 20_000 * BYTES_PER_MS
# A carrier may send nothing while a side is silent.
_LATE_MS = 500


class Overhearing:
    """One such talk within a call; ``leg`` tells the audio of both.

    ``name`` tells its events from all others of the call, ``at_ms`` is when in the call it begins.
    """

    def __init__(
        self,
        leg: CallLeg,
        *,
        ports: Ports,
        admission: Admission,
        rules: Rules,
        language: str,
        name: str,
        at_ms: int,
    ) -> None:
        call = leg.call
        self._leg = leg
        self._log = ports.log
        self._admission = admission
        self._rules = rules
        self._language = language
        self._name = name
        self._line = line = Line(Keypad(""))
        self._journal = Journal(
            call,
            sink=ports.sink,
            clock=ports.clock,
            log=ports.log,
            line=line,
            retry_waits_s=rules.retry_waits_s,
            before=Handover(flow="", stretch=name, heard_ms=at_ms),
        )
        self._teller = Teller(ports.live, ports.clock, call.call_id, before_ms=at_ms)
        recogniser, engine, self._missing = recogniser_of(ports)
        self._understanding = Understanding(
            line=line, journal=self._journal, teller=self._teller, engine=engine
        )
        self._ears = {
            party: Ears(
                recogniser,
                party,
                entry=call.dialled,
                log=ports.log,
                feed_s=rules.feed_s,
                told=self._told,
                lost=self._lose,
            )
            for party in Party
        }
        self._tape = Tape(ports.recorder, ports.log, call.call_id)
        self._loudness = Loudness()
        self._held: deque[Audio] = deque()
        self._held_bytes = 0
        self._person_ms: int | None = None
        self._person_spoke = False
        self._recording = False
        self._leaving = asyncio.Event()

    async def run(self) -> bool:
        """Listen until the talk is over; False when it had been listened to before (a replay)."""
        place = self._admission.enter(self._leaving.set)
        try:
            if not place.listens:
                for ears in self._ears.values():
                    ears.deafen()
                self._missing = self._missing or "the recogniser was busy with other calls"
            if not await self._journal.overhear():
                return False
            self._teller.draft_id = self._journal.outcome.draft_id
            try:
                await self._hold()
            finally:
                await undisturbed(self._close())
            return True
        finally:
            self._admission.leave(place)

    async def _hold(self) -> None:
        self._leg.set_deadline(self._rules.call_s)
        self._ears[Party.CALLER].listen(self._language, 0)
        async with asyncio.TaskGroup() as group:
            helping = [
                group.create_task(self._journal.run()),
                group.create_task(self._tape.run()),
                *(group.create_task(ears.run()) for ears in self._ears.values()),
            ]
            reading = group.create_task(self._read())
            leaving = group.create_task(self._leaving.wait())
            try:
                await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (reading, leaving, *helping):
                    task.cancel()

    async def _read(self) -> None:
        try:
            async for event in self._leg.events():
                if isinstance(event, Audio):
                    self._hear(event)
                if self._person_spoke and not self._recording:
                    await self._record()
        except Exception as error:  # a transport's fault ends the listening, not the process
            self._log.warning("leg_failed", call=self._leg.call.call_id, error=type(error).__name__)

    def _hear(self, audio: Audio) -> None:
        if audio.party is Party.CALLER:
            self._line.hearing.hear(audio.pcm)
        else:
            audio = self._in_time(audio)
        self._ears[audio.party].hear(audio.pcm)
        if self._recording:
            self._tape_it(audio)
            return
        self._held.append(audio)
        self._held_bytes += len(audio.pcm)
        while self._held_bytes > _HELD_BYTES:
            self._held_bytes -= len(self._held.popleft().pcm)

    def _in_time(self, audio: Audio) -> Audio:
        """Return the person's audio with the silence before it that the carrier did not send."""
        ears, now = self._ears[Party.AGENT], self._line.now
        if self._person_ms is None:
            self._person_ms = now
            ears.listen(self._language, now)
        late_ms = now - self._person_ms - len(audio.pcm) // BYTES_PER_MS
        pcm = bytes(late_ms * BYTES_PER_MS) + audio.pcm if late_ms > _LATE_MS else audio.pcm
        self._person_ms += len(pcm) // BYTES_PER_MS
        if not ears.open and self._loudness.loud(audio.pcm):
            self._person_spoke = True
        return Audio(pcm=pcm, party=audio.party)

    async def _record(self) -> None:
        self._recording = True
        await self._tape.open()
        while self._held:
            self._tape_it(self._held.popleft())

    def _tape_it(self, audio: Audio) -> None:
        if audio.party is Party.CALLER:
            self._tape.hear(audio.pcm)
        else:
            self._tape.hear_agent(audio.pcm)

    def _told(self, hearer: Hearer, news: Sequence[SpeechEvent]) -> None:
        if hearer.party is Party.AGENT:
            self._person_spoke |= any(isinstance(one, SpeechStarted | Final) for one in news)
        self._understanding.told(hearer, news)

    def _lose(self, error: Exception) -> None:
        self._missing = "the recogniser failed while two people talked"
        self._log.warning(
            "recogniser_failed", call=self._leg.call.call_id, error=type(error).__name__
        )

    async def _close(self) -> None:
        closing_s = self._rules.closing_s
        finished = await asyncio.gather(*(ears.finish(closing_s) for ears in self._ears.values()))
        if self._person_spoke and not self._recording:
            await self._record()
        stored = await self._sealed(closing_s / 4)
        missing = self._missing
        if not all(finished):
            missing = missing or "the recogniser did not finish in time"
        elif failures := sum(ears.failures for ears in self._ears.values()):
            missing = missing or f"{failures} utterance(s) could not be recognised"
        elif postponed := sum(ears.postponed for ears in self._ears.values()):
            missing = missing or f"{postponed} utterance(s) were left to a second pass"
        last = self._journal.progress(
            recording=None
            if stored is None
            else events.media(self._leg.call, 1, stored, stretch=self._name),
            connected=() if stored is None else (Span(start_ms=0, end_ms=stored.duration_ms),),
            served=self._person_spoke,
            words_pending=False,
            # Without a recording no second pass could find out more.
            transcript_missing=None if stored is None else missing,
        )
        try:
            async with asyncio.timeout(closing_s / 4):
                await self._journal.close(last)
        except TimeoutError:
            self._log.warning("call_end_not_stored", call=self._leg.call.call_id)
        self._log.info(
            "talk_ended", call=self._leg.call.call_id, utterances=self._journal.utterances
        )

    async def _sealed(self, within_s: float) -> StoredRecording | None:
        if not self._recording:
            return None
        try:
            async with asyncio.timeout(within_s):
                return await self._tape.finish()
        except TimeoutError:
            self._log.warning("recording_not_sealed", call=self._leg.call.call_id)
            return None
