"""Performs one step of a flow over live audio: says its parts, asks, and returns what came back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from channels.voice.call.answer import Answer
from channels.voice.call.barge_in import Arbiter
from channels.voice.call.cause import Cause, Trouble
from channels.voice.call.ears import Ears
from channels.voice.call.journal import Journal
from channels.voice.call.line import Line
from channels.voice.call.reaching import Reaching
from channels.voice.call.rules import Rules
from channels.voice.call.speaking import Voice
from channels.voice.call.understanding import Understanding
from channels.voice.ivr.steps import (
    Connect,
    Connected,
    Keep,
    Kept,
    Keys,
    Look,
    Looked,
    NoInput,
    Pressed,
    Reached,
    Result,
    Spoken,
    Stated,
    StatedBy,
    Statement,
    Step,
    Wait,
    Waited,
)
from channels.voice.leg import CallLeg, Capability
from gateway.channel.errors import StoreBusy
from gateway.channel.ports import CaseLookup, Log

# A second press that was meant for the prompt must not end a statement that has not begun.
_KEY_GUARD_MS = 500
# Who says "hello?" into a prompt and stops has not stated anything yet.
_A_WORD_MS = 1000
# Somebody who goes on speaking has not finished his answer.
_ANSWERED_AFTER_MS = 1200
_LONGEST_ANSWER_MS = 60_000
_HANDS_BACK_WITHIN_MS = 5_000


@dataclass(slots=True, kw_only=True)
class Performer:
    """Performs the steps of one call.

    ``served`` is set as soon as the caller got what he called for, or has left his message;
    ``waiting`` while nobody has answered him yet, and stays so when the call ends like that.
    ``hand_back`` leaves the call to the transport, with the state of the flow.
    """

    leg: CallLeg
    line: Line
    voice: Voice
    arbiter: Arbiter
    ears: Ears
    understanding: Understanding
    journal: Journal
    reaching: Reaching
    cases: CaseLookup
    log: Log
    rules: Rules
    hand_back: Callable[[], Awaitable[None]]
    served: bool = False
    waiting: bool = False
    recorded_only: bool = False

    async def perform(self, step: Step) -> Result:
        """Return what came of a step other than the last; raises ``Trouble``."""
        match step.ask:
            case Keys() as ask:
                return await self._keys(step, ask)
            case Statement() as ask:
                return await self._statement(step, ask)
            case Connect() | Wait() as ask:
                await self._say(step, voice=False)
                return await self._reach(ask)
            case Look() as ask:
                await self._say(step, voice=False)
                return await self._look(ask)
            case Keep() as ask:
                await self._say(step, voice=False)
                return await self._keep(ask)
            case _:
                raise AssertionError("the last step is not performed here")

    # --- keys and words

    async def _keys(self, step: Step, ask: Keys) -> Result:
        line, started = self.line, self.line.now
        heard = bool(ask.words) or ask.spoken
        answer = Answer(ask.words, started)
        self.understanding.answer = answer if heard else None
        try:
            complete = await self._say(step, voice=heard and ask.barge_in)
            if ask.first_s <= 0:
                return NoInput()
            if complete and not ask.barge_in:
                answer.listen_from(line.now - _KEY_GUARD_MS)
            return await self._input(ask, answer, heard=heard, spoken_from=started)
        finally:
            self.understanding.answer = None

    async def _input(self, ask: Keys, answer: Answer, *, heard: bool, spoken_from: int) -> Result:
        line, keypad = self.line, self.line.keypad
        asked_at = line.now
        await line.until(
            lambda: (
                len(keypad) > 0
                or (heard and self._answered(answer, asked_at))
                or self._nothing_comes(ask, asked_at, heard=heard)
            )
        )
        if len(keypad):
            return await self._pressed(ask)
        if answer.choice is not None or answer.text:
            return Spoken(text=answer.text, choice=answer.choice)
        if heard and line.hearing.spoke_since(max(asked_at, spoken_from)):
            # Somebody spoke, but no words came of it: that is not silence.
            return Spoken(text="")
        return NoInput()

    async def _pressed(self, ask: Keys) -> Pressed:
        """Collect keys; the first is there."""
        line, keypad = self.line, self.line.keypad
        if (first := keypad.take()) in ask.single:
            return Pressed(keys=first)
        key, collected = first, ""
        while key not in ask.finish_on:
            collected += key
            if len(collected) >= ask.at_most:
                break
            late = line.now + int(ask.between_s * 1000)
            await line.until(partial(_key_or_late, line, late))
            if not len(keypad):
                break
            key = keypad.take()
        return Pressed(keys=collected)

    def _answered(self, answer: Answer, asked_at: int) -> bool:
        if answer.choice is not None:
            return True
        quiet = self.line.hearing.quiet_ms(asked_at) >= _ANSWERED_AFTER_MS
        long = self.line.now - asked_at >= _LONGEST_ANSWER_MS
        return bool(answer.text) and (quiet or long)

    def _nothing_comes(self, ask: Keys, asked_at: int, *, heard: bool) -> bool:
        """Tell whether the time to answer is over; who speaks may finish."""
        line = self.line
        waited = line.now - asked_at
        if waited < ask.first_s * 1000:
            return False
        if not heard or waited >= _LONGEST_ANSWER_MS or not line.hearing.spoke_since(asked_at):
            return True
        quiet = line.hearing.quiet_ms(asked_at)
        pending = self.understanding.words_pending and quiet < self.rules.answer_s * 1000
        return quiet >= _ANSWERED_AFTER_MS and not pending

    # --- the caller's own words

    async def _statement(self, step: Step, ask: Statement) -> Result:
        line, keypad = self.line, self.line.keypad
        begun = line.now
        if not ask.recognise:
            self.ears.rest()
            line.hearing.listens(False)
        answer = Answer(ask.words, begun, first_only=True)
        self.understanding.answer = answer if ask.words else None
        try:
            await self._say(step, voice=ask.barge_in and ask.recognise)
            if not keypad.holds(ask.single):
                keypad.forget()  # keys that only cut the prompt short
            by, key = await self._stated(ask, answer, begun)
        finally:
            self.understanding.answer = None
            if not ask.recognise:
                self.ears.listen(self.voice.language, line.now)
                line.hearing.listens(self.ears.open)
        heard = line.hearing.spoke_since(begun) or bool(answer.text)
        if heard and not ask.recognise:
            self.served = self.recorded_only = True
        choice = answer.choice if by is StatedBy.WORDS else None
        return Stated(heard=heard, by=by, key=key, choice=choice)

    async def _stated(
        self, ask: Statement, answer: Answer, begun: int
    ) -> tuple[StatedBy, str | None]:
        """Listen until the statement is over; return what ended it."""
        line, keypad = self.line, self.line.keypad
        hearing, start = line.hearing, line.now
        limit = start + int(ask.limit_s * 1000)

        def silent() -> bool:
            spoke = hearing.spoke_since(start) or hearing.voice_ms(begun) >= _A_WORD_MS
            longest = ask.silence_s if spoke else max(ask.no_speech_s, ask.silence_s)
            return hearing.quiet_ms(start) >= longest * 1000

        while True:
            await line.until(
                lambda: (
                    answer.choice is not None or len(keypad) > 0 or line.now >= limit or silent()
                )
            )
            if answer.choice is not None:
                return StatedBy.WORDS, None
            if len(keypad):
                key = keypad.take()
                if key in ask.single:
                    return StatedBy.KEY, key
                if key in ask.end_keys and line.now - start >= _KEY_GUARD_MS:
                    return StatedBy.KEY, None
            elif line.now >= limit:
                return StatedBy.LIMIT, None
            else:
                return StatedBy.SILENCE, None

    # --- people

    async def _reach(self, ask: Connect | Wait) -> Result:
        outcome = Reached.FAILED
        if Capability.CONNECT in self.leg.capabilities:
            # Hold music and the line's own tones are nothing to write down.
            self.ears.rest()
            self.line.hearing.listens(False)
            try:
                outcome = await self._reached(ask)
            finally:
                self.line.hearing.listens(self.ears.open)
            self.ears.listen(self.voice.language, self.line.now)
            self.line.hearing.listens(self.ears.open)
        elif Capability.HAND_BACK in self.leg.capabilities:
            await self.hand_back()
            until = self.line.now + _HANDS_BACK_WITHIN_MS
            # The end of the leg ends this wait; a leg that stays has not handed anything back.
            await self.line.until(lambda: self.line.now >= until)
            self.log.warning("hand_back_failed", call=self.leg.call.call_id)
        if outcome in (Reached.FINISHED, Reached.CALLBACK):
            self.served = True
        return Connected(outcome=outcome) if isinstance(ask, Connect) else Waited(outcome=outcome)

    async def _reached(self, ask: Connect | Wait) -> Reached:
        self.waiting = True
        if isinstance(ask, Connect):
            outcome = await self.reaching.connect(ask)
        else:
            outcome = await self.reaching.wait(ask)
        self.waiting = False
        return outcome

    # --- what is known and kept

    async def _look(self, ask: Look) -> Result:
        try:
            found = await self.cases.status(ask.receipt_no, ask.query_code)
        except Exception as error:  # a store that is away must not cost the call
            self.log.warning("lookup_failed", error=type(error).__name__)
            return Looked(state=None)
        if found is not None:
            self.served = True
        return Looked(state=None if found is None else found.state)

    async def _keep(self, ask: Keep) -> Result:
        await self.line.until(lambda: self.journal.settled)
        event = self.journal.progress(
            rating=ask.rating,
            callback_number=ask.callback_number,
            callback_reason=ask.callback_reason,
        )
        try:
            outcome = await self.journal.keep(event)
        except StoreBusy:
            raise Trouble(Cause.STORE_BUSY) from None
        self.served = True
        known = {"receipt_no": outcome.receipt_no, "query_code": outcome.query_code}
        return Kept({name: value for name, value in known.items() if value})

    # --- saying

    async def _say(self, step: Step, *, voice: bool) -> bool:
        """Say the parts of a step; tell whether the caller heard them to the end."""
        keypad, started = self.line.keypad, self.line.now
        before = len(keypad)
        keys = step.interruptible

        def stop() -> bool:
            if keys and len(keypad) > 0:
                return True
            answered = self.understanding.answer is not None and self.understanding.answer.choice
            return voice and (bool(answered) or self.arbiter.interrupts(started))

        heard = await self.voice.say(
            self.voice.sound(step.parts), stop=stop if keys or voice else None
        )
        if not keys:
            keypad.forget(after=before)
        return heard


def _key_or_late(line: Line, late: int) -> bool:
    return len(line.keypad) > 0 or line.now >= late
