"""Reaches people: rings them, keeps the caller company meanwhile, listens when both talk."""

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType

import numpy as np

from channels.voice.call.cause import Cause
from channels.voice.call.ears import Ears
from channels.voice.call.line import Line
from channels.voice.call.speaking import Voice
from channels.voice.call.tape import Tape
from channels.voice.call.telling import Teller
from channels.voice.ivr.steps import Connect, Digits, Part, Prompt, Quantity, Reached, Wait
from channels.voice.leg import SAMPLE_RATE, CallLeg, Connecting, Connection
from channels.voice.people.group import People, Target
from gateway.channel.ports import Log
from gateway.domain.intake import Span

# Nothing of this is a reason to part two people who are talking.
WHILE_TALKING = frozenset({Cause.STORE_BUSY, Cause.OUT_OF_ORDER})
# A leg that tells nothing at all about a connection it was asked for.
_TELLS_WITHIN_MS = 10_000
_MOST_MINUTES = 99


def hold_tone() -> bytes:
    """Return four seconds of a soft tone and much silence: the caller knows the line is up."""
    beep = np.arange(SAMPLE_RATE * 3 // 10)
    fade = np.minimum(1, np.minimum(beep, beep[::-1]) / 400)
    tone = np.sin(beep * 2 * math.pi * 440 / SAMPLE_RATE) * fade * 1500
    whole = np.zeros(SAMPLE_RATE * 4)
    whole[: len(tone)] = tone
    return whole.astype("<i2").tobytes()


_OUTCOMES = MappingProxyType(
    {
        Connecting.BUSY: Reached.BUSY,
        Connecting.NO_ANSWER: Reached.NO_ANSWER,
        Connecting.FAILED: Reached.FAILED,
        Connecting.FINISHED: Reached.NO_ANSWER,
    }
)


class Reaching:
    """One call's way to people."""

    def __init__(
        self,
        leg: CallLeg,
        *,
        people: People,
        line: Line,
        voice: Voice,
        tape: Tape,
        caller: Ears,
        agent: Ears,
        teller: Teller,
        log: Log,
    ) -> None:
        self._leg = leg
        self._people = people
        self._line = line
        self._voice = voice
        self._tape = tape
        self._caller = caller
        self._agent = agent
        self._teller = teller
        self._log = log
        self._tone = hold_tone()
        self.spans: list[Span] = []
        """When the caller was talking with a person."""

    async def connect(self, ask: Connect) -> Reached:
        """Ring a target; returns when the conversation is over or nobody was reached."""
        target = self._people.target(ask.target)
        if target is None:
            self._log.warning("target_unknown", target=ask.target)
            return Reached.FAILED
        free = self._people.free(target, queued=False)
        if not free:
            return Reached.BUSY
        hold = self._voice.named(ask.hold) + self._tone
        ends_at = self._line.now + int(ask.timeout_s * 1000)
        outcome = Reached.NO_ANSWER
        for addresses in _rounds(target, free):
            left_s = (ends_at - self._line.now) / 1000
            if left_s <= 0:
                break
            within = min(left_s, target.settings.ring_for) if len(free) > 1 else left_s
            if target.settings.order == "all_at_once":
                within = left_s
            outcome, _ = await self._ring(addresses, within, ask.announce, hold)
            if outcome is Reached.FINISHED:
                break
        return outcome

    async def wait(self, ask: Wait) -> Reached:
        """Wait in a target's queue until a conversation is over or the caller goes another way."""
        target = self._people.target(ask.target)
        if target is None:
            self._log.warning("target_unknown", target=ask.target)
            return Reached.FAILED
        place = target.queue.join(ask.most_waiting)
        if place is None:
            return Reached.FULL
        line = self._line
        ends_at = line.now + int(ask.longest_s * 1000)
        ways_out = frozenset(key for key in (ask.callback_key, ask.voicemail_key) if key)
        told_at, told = -math.inf, -1
        try:
            while line.now < ends_at:
                free = self._people.free(target, queued=True)
                if place.ahead < len(free):
                    mine = free if target.settings.order == "all_at_once" else free[:1]
                    ring_s = min(target.settings.ring_for, (ends_at - line.now) / 1000)
                    place.ringing = True
                    outcome, seconds = await self._ring(
                        mine, ring_s, ask.announce, self._tone, ways_out, answered=place.leave
                    )
                    place.ringing = False
                    if outcome is Reached.FINISHED:
                        target.queue.served(seconds)
                        return outcome
                    self._people.rest(mine)
                    if (chosen := self._choice(ask)) is not None:
                        return chosen
                    continue
                ahead = place.ahead
                if ahead != told:
                    self._teller.tell("call.queued", target=ask.target, position=ahead + 1)
                pcm = self._tone
                if line.now - told_at >= ask.announce_every_s * 1000 or ahead < told:
                    pcm = self._voice.sound(self._position(target, ahead, ask)) + pcm
                    told_at = line.now
                told = ahead
                await self._voice.say(
                    pcm,
                    stop=lambda: (
                        len(line.keypad) > 0
                        or line.now >= ends_at
                        or place.ahead < len(self._people.free(target, queued=True))
                    ),
                )
                if (chosen := self._choice(ask)) is not None:
                    return chosen
            return Reached.TIMEOUT
        finally:
            place.leave()

    def _choice(self, ask: Wait) -> Reached | None:
        keypad = self._line.keypad
        while len(keypad):
            key = keypad.take()
            if key == ask.callback_key:
                return Reached.CALLBACK
            if key == ask.voicemail_key:
                return Reached.VOICEMAIL
        return None

    def _position(self, target: Target, ahead: int, ask: Wait) -> list[Part]:
        lines = len(target.settings.ring) * (target.settings.calls_each or 1)
        minutes = math.ceil(target.queue.estimate_s(ahead, lines) / 60)
        parts: list[Part] = [Prompt(name="queue_next")]
        if ahead:
            parts = [
                Prompt(name="queue_ahead_is"),
                Quantity(value=min(ahead, _MOST_MINUTES)),
                Prompt(name="queue_ahead_end"),
            ]
        parts += [
            Prompt(name="queue_minutes_is"),
            Quantity(value=min(max(minutes, 1), _MOST_MINUTES)),
            Prompt(name="queue_minutes_end"),
        ]
        for name, key in (
            ("queue_callback", ask.callback_key),
            ("queue_voicemail", ask.voicemail_key),
        ):
            if key is not None and key.isdigit():
                parts += [Prompt(name=name), Digits(digits=key)]
        return parts

    async def _ring(
        self,
        addresses: Sequence[str],
        timeout_s: float,
        announce: Sequence[Part],
        hold: bytes,
        ways_out: frozenset[str] = frozenset(),
        *,
        answered: Callable[[], None] = lambda: None,
    ) -> tuple[Reached, float]:
        """Ring addresses at once; return what came of it and how many seconds they talked.

        A key of ``ways_out`` stops it, and still waits to be taken afterwards. ``answered`` is
        called when somebody does.
        """
        line, leg = self._line, self._leg
        line.connections.clear()
        line.keypad.forget()
        engaged = list(addresses)
        self._people.take(engaged)
        settled = False
        try:
            await leg.connect(
                addresses, timeout_s=timeout_s, announcement=self._voice.sound(announce)
            )
            patience = line.now + int(timeout_s * 1000) + _TELLS_WITHIN_MS
            found: list[Connection] = []

            def told() -> bool:
                while line.connections and not found:
                    news = line.connections.popleft()
                    if news.state is not Connecting.RINGING:
                        found.append(news)
                return bool(found)

            def given_up() -> bool:
                return line.now >= patience or line.keypad.holds(ways_out)

            while not told():
                if given_up():
                    return Reached.NO_ANSWER, 0.0
                await self._voice.say(hold, stop=lambda: told() or given_up())
            news = found[0]
            if news.state is not Connecting.ANSWERED:
                settled = True
                return _OUTCOMES[news.state], 0.0
            person = news.address
            self._people.release(one for one in engaged if one != person)
            engaged = [one for one in engaged if one == person]
            answered()
            seconds = await self._talk(person)
            settled = True
            return Reached.FINISHED, seconds
        finally:
            self._people.release(engaged)
            if not settled:
                await leg.disconnect()

    async def _talk(self, address: str) -> float:
        """Listen to both until the person hangs up; return for how many seconds."""
        line = self._line
        began = line.now
        self._tape.joined()
        for ears in (self._caller, self._agent):
            ears.listen(self._voice.language, began)
        self._teller.tell("call.connected", address=address)
        try:
            await line.until(_over(line), despite=WHILE_TALKING)
        finally:
            self._caller.rest()
            self._agent.rest()
            self.spans.append(Span(start_ms=began, end_ms=line.now))
            line.keypad.forget()
        return (line.now - began) / 1000


def _over(line: Line) -> Callable[[], bool]:
    def over() -> bool:
        while line.connections:
            if line.connections.popleft().state not in (Connecting.RINGING, Connecting.ANSWERED):
                return True
        return False

    return over


def _rounds(target: Target, free: Sequence[str]) -> list[Sequence[str]]:
    if target.settings.order == "all_at_once":
        return [free]
    return [[address] for address in free]
