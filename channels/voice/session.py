"""One call from the first word to the receipt number: whatever was said survives however it ends.

The call is stored as started before the caller hears a word, every utterance as soon as it is
recognised, and the recording at the end of every path. Time is counted in the caller's own audio,
so the silence that ends a statement does not depend on how fast the audio comes.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum

from channels.voice import events
from channels.voice.hearing import Hearing
from channels.voice.leg import (
    Audio,
    CallLeg,
    Connection,
    Digit,
    Ended,
    EndedBy,
    LegEvent,
    MarkPlayed,
    MediaLost,
    MediaResumed,
)
from channels.voice.prompts import BETWEEN_PROMPTS_MS, Prompts, silence
from channels.voice.tape import Tape
from gateway.channel import Ports
from gateway.channel.errors import StoreBusy
from gateway.channel.speech import (
    EngineInfo,
    Final,
    Partial,
    RecogniserSession,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    Unavailable,
)
from gateway.domain.intake import CallMoment, InboundMessage, Outcome, StoredEvent

DIGITS_KEPT = 64
# A second press that was meant for the greeting must not end a statement that has not begun.
_KEY_GUARD_MS = 500
# How long after its own length a prompt whose mark never comes counts as heard.
_MARK_GRACE_MS = 3000


class Cause(StrEnum):
    """Why a call ended; a closed set that drafts show."""

    COMPLETED = "completed"
    """The caller heard the receipt number and the farewell."""
    NOTHING_SAID = "nothing_said"
    CALLER_HUNG_UP = "caller_hung_up"
    MEDIA_LOST = "media_lost"
    CALL_LIMIT = "call_limit"
    PROTOCOL_ERROR = "protocol_error"
    STORE_BUSY = "store_busy"
    """Nothing could be stored; the caller was told so."""
    OUT_OF_ORDER = "out_of_order"
    """Neither recording nor recognition works; the caller was told so."""
    SHUTDOWN = "shutdown"


_CAUSE_OF = {
    EndedBy.CALLER: Cause.CALLER_HUNG_UP,
    EndedBy.GATEWAY: Cause.COMPLETED,
    EndedBy.NETWORK: Cause.MEDIA_LOST,
    EndedBy.LIMIT: Cause.CALL_LIMIT,
    EndedBy.PROTOCOL: Cause.PROTOCOL_ERROR,
    EndedBy.HANDED_BACK: Cause.COMPLETED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a statement ends; seconds of the call's audio, but for the last two (of real time).

    ``retry_waits_s`` are the pauses between attempts to store something, ``closing_s`` bounds all
    that is done after the call.
    """

    silence_s: float = 4.0
    no_speech_s: float = 12.0
    statement_s: float = 600.0
    retry_waits_s: tuple[float, ...] = (0.2, 0.5, 1.0)
    closing_s: float = 20.0


class _Trouble(Exception):
    """The conversation cannot go on; the caller is told so."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause = cause


class CallSession:
    """Holds one conversation over a leg, and leaves a draft behind."""

    def __init__(
        self, leg: CallLeg, *, ports: Ports, prompts: Prompts, language: str, rules: Rules
    ) -> None:
        self._leg = leg
        self._ports = ports
        self._prompts = prompts
        self._language = language
        self._rules = rules
        self._tape = Tape(ports.recorder, ports.log, leg.call.call_id)
        self._listener, self._engine, self._missing = _listener(ports, language)
        self._hearing = Hearing(with_recogniser=self._listener is not None)
        self._listening = asyncio.Lock()
        self._statement_over = False
        self._finishing: asyncio.Task[None] | None = None
        self._tick = asyncio.Event()
        self._to_keep: asyncio.Queue[InboundMessage] = asyncio.Queue()
        self._unkept: dict[str, StoredEvent] = {}
        self._utterances = 0
        self._digits = ""
        self._keys = 0
        self._trouble: Cause | None = None
        self._cause: Cause | None = None
        self._told_receipt = False
        self._outcome = Outcome(status="busy")
        self.end_stored = False

    async def run(self) -> bool:
        """Hold the conversation until the call is over.

        False when this call had been taken before (a replayed stream): then nothing is stored.
        """
        if not await self._begin():
            return False
        try:
            async with asyncio.TaskGroup() as group:
                talk = group.create_task(self._talk())
                keep = group.create_task(self._keep())
                async for event in self._leg.events():
                    await self._take(event)
                talk.cancel()
                keep.cancel()
        finally:
            await _undisturbed(self._close())
        return True

    async def _begin(self) -> bool:
        call = self._leg.call
        begun = events.started(call, call.began_at or self._ports.clock.now(), self._language)
        try:
            self._outcome, attempts = await self._commit([begun])
        except StoreBusy:
            self._unkept[begun.dedupe_key] = begun
            self._trouble = Cause.STORE_BUSY
            return True
        # After a failed attempt the first may have been stored all the same: that is no replay.
        if self._outcome.status == "duplicate" and attempts == 1:
            return False
        await self._tape.open()
        if self._tape.broken and self._listener is None:
            self._trouble = Cause.OUT_OF_ORDER
        return True

    # --- what comes in

    async def _take(self, event: LegEvent) -> None:
        match event:
            case Audio(pcm=pcm):
                await self._hear(pcm)
            case Digit(key=key):
                self._keys += 1
                if len(self._digits) < DIGITS_KEPT:
                    self._digits += key
            case MarkPlayed() | Connection() | MediaLost() | MediaResumed():
                pass  # the playback knows; this only wakes who waits for it
            case Ended(by=by):
                self._cause = self._cause or _CAUSE_OF[by]
        self._tick.set()

    async def _hear(self, pcm: bytes) -> None:
        await self._tape.hear(pcm)
        self._hearing.hear(pcm)
        async with self._listening:
            if self._listener is not None and not self._statement_over:
                try:
                    self._understand(await self._listener.feed(pcm))
                except Exception as error:  # an engine's fault must not cost the call
                    self._lose_listener(error)

    def _understand(self, heard: Sequence[SpeechEvent]) -> None:
        for event in heard:
            match event:
                case SpeechStarted(at_ms=at_ms):
                    self._hearing.began(at_ms)
                case SpeechEnded(at_ms=at_ms):
                    self._hearing.fell_silent(at_ms)
                case Final(segment=segment) if segment.text.strip():
                    self._utterances += 1
                    said = events.utterance(
                        self._leg.call,
                        self._utterances,
                        segment,
                        at=self._ports.clock.now(),
                        engine=self._engine,
                        language=self._language,
                    )
                    self._unkept[said.dedupe_key] = said
                    self._to_keep.put_nowait(said)
                case Final() | Partial():
                    pass

    def _lose_listener(self, error: Exception) -> None:
        self._missing = "the recogniser failed during the call"
        self._hearing.recogniser_lost()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._ports.log.warning(
            "recogniser_failed", call=self._leg.call.call_id, error=type(error).__name__
        )
        if self._tape.broken:
            self._trouble = self._trouble or Cause.OUT_OF_ORDER

    # --- what is stored

    async def _keep(self) -> None:
        while True:
            said = await self._to_keep.get()
            try:
                await self._commit([said])
                del self._unkept[said.dedupe_key]
            except StoreBusy:
                self._trouble = self._trouble or Cause.STORE_BUSY
            self._to_keep.task_done()
            self._tick.set()

    async def _commit(self, stored: Sequence[StoredEvent]) -> tuple[Outcome, int]:
        """Store events, trying again for a short while; also return how many attempts it took."""
        attempt = 1
        while True:
            try:
                return await self._ports.sink.commit(stored), attempt
            except StoreBusy:
                if attempt > len(self._rules.retry_waits_s):
                    raise
            await asyncio.sleep(self._rules.retry_waits_s[attempt - 1])
            attempt += 1

    # --- what is said

    async def _talk(self) -> None:
        try:
            if self._trouble:
                raise _Trouble(self._trouble)
            cause = await self._converse()
        except _Trouble as trouble:
            cause = trouble.cause
            self._statement_over = True
            apology = "sorry_busy" if cause is Cause.STORE_BUSY else "sorry_outage"
            await self._say(self._prompts[apology], whatever_happens=True)
        self._cause = cause
        await self._leg.hangup()

    async def _converse(self) -> Cause:
        prompts = self._prompts
        await self._say(
            _in_a_row(prompts, "greeting", "recording_notice", "please_speak"), skippable=True
        )
        ended_by = await self._statement()
        self._statement_over = True
        self._finishing = asyncio.create_task(self._finish_listening())
        if ended_by is Cause.NOTHING_SAID:
            await self._say(prompts["nothing_heard"])
            return ended_by
        if ended_by is Cause.CALL_LIMIT:
            await self._say(prompts["limit_reached"])
        # "Your message is recorded" may only be said when all that is known of it is stored.
        await self._until(lambda: self._to_keep.empty() and not self._unkept)
        self._told_receipt = True
        # From here on nothing may be taken back: case and recording are safe, and the end of the
        # call is stored with all that is still missing.
        await self._say(self._farewell(), whatever_happens=True)
        return Cause.COMPLETED

    def _farewell(self) -> bytes:
        prompts, outcome = self._prompts, self._outcome
        spoken = []
        if outcome.receipt_no:
            number = prompts.spelled(outcome.receipt_no)
            spoken += [prompts["receipt_number_is"], number, prompts["once_more"], number]
        if outcome.query_code:
            spoken += [prompts["query_code_is"], prompts.spelled(outcome.query_code)]
        return silence(BETWEEN_PROMPTS_MS).join([*spoken, prompts["thanks"]])

    async def _statement(self) -> Cause:
        """Listen until the statement is over; a caller who says nothing is asked once more."""
        first = self._hearing.now
        start, limit_ms = first, self._rules.statement_s * 1000
        for reminder in ("are_you_there", None):
            keys = self._keys

            def over(start: int = start, keys: int = keys) -> bool:
                now = self._hearing.now
                spoke = self._hearing.spoke_since(start)
                longest = self._rules.silence_s if spoke else self._rules.no_speech_s
                return (
                    now - first >= limit_ms
                    or self._hearing.quiet_ms(start) >= longest * 1000
                    or (self._keys > keys and now - start >= _KEY_GUARD_MS)
                )

            await self._until(over)
            if self._hearing.now - first >= limit_ms:
                return Cause.CALL_LIMIT
            if self._hearing.spoke_since(start):
                return Cause.COMPLETED
            if reminder:
                await self._say(self._prompts[reminder])
                start = self._hearing.now
        return Cause.COMPLETED if self._utterances else Cause.NOTHING_SAID

    async def _say(
        self, pcm: bytes, *, skippable: bool = False, whatever_happens: bool = False
    ) -> None:
        """Play audio until the caller has heard it; with ``skippable`` a key cuts it short."""
        keys, start = self._keys, self._hearing.now
        self._tape.say(pcm)
        playback = await self._leg.play(pcm)
        longest = len(pcm) * 1000 // 16000 + _MARK_GRACE_MS
        await self._until(
            lambda: (
                playback.done
                or self._hearing.now - start >= longest
                or (skippable and self._keys > keys)
            ),
            whatever_happens=whatever_happens,
        )
        if not playback.done:
            await playback.cancel()
            self._tape.hush()

    async def _until(
        self, condition: Callable[[], bool], *, whatever_happens: bool = False
    ) -> None:
        while not condition():
            if self._trouble and not whatever_happens:
                raise _Trouble(self._trouble)
            self._tick.clear()
            await self._tick.wait()

    # --- the end

    async def _finish_listening(self) -> None:
        async with self._listening:
            listener, self._listener = self._listener, None
            if listener is None:
                return
            try:
                self._understand(await listener.finish())
                if listener.failures:
                    self._missing = f"{listener.failures} utterance(s) could not be recognised"
            except Exception as error:  # an engine's fault must not cost the recording
                self._lose_listener(error)
            finally:
                listener.close()

    async def _close(self) -> None:
        cause = self._cause or Cause.SHUTDOWN
        self._statement_over = True
        call = self._leg.call
        try:
            async with asyncio.timeout(self._rules.closing_s):
                await (self._finishing or self._finish_listening())
        except TimeoutError:
            self._missing = "the recogniser did not finish in time"
        recording = await self._tape.finish()
        silent = not self._utterances and not self._told_receipt
        if self._missing is not None:
            silent = silent and not self._hearing.spoke_since(0)
        end = events.ended(
            call,
            CallMoment.ABANDONED if silent else CallMoment.ENDED,
            at=self._ports.clock.now(),
            cause=str(cause),
            digits=self._digits,
            duration_ms=self._hearing.now,
            recording=events.media(call, 1, recording) if recording else None,
            transcript_missing=self._missing,
        )
        try:
            await self._commit([*self._unkept.values(), end])
            self.end_stored = True
        except StoreBusy:
            self._ports.log.warning("call_end_not_stored", call=call.call_id)
        self._ports.log.info(
            "call_ended", call=call.call_id, cause=str(cause), utterances=self._utterances
        )


def _listener(
    ports: Ports, language: str
) -> tuple[RecogniserSession | None, EngineInfo, str | None]:
    """Return a listener, the engine behind it, and why there is none."""
    recogniser = ports.recogniser
    if isinstance(recogniser, Unavailable):
        return None, EngineInfo(engine="none", model="none"), recogniser.reason
    try:
        return recogniser.session(sample_rate=8000, language=language), recogniser.info, None
    except Exception as error:  # a recogniser that cannot start must not refuse the call
        ports.log.warning("recogniser_failed", error=type(error).__name__)
        return None, recogniser.info, "the recogniser could not start"


async def _undisturbed(work: Coroutine[None, None, None]) -> None:
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


def _in_a_row(prompts: Prompts, *names: str) -> bytes:
    return silence(BETWEEN_PROMPTS_MS).join(prompts[name] for name in names)
