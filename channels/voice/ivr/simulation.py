"""Walks a flow with text in place of sound: a line typed is what the caller does next."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from channels.voice.ivr.engine import FlowWalk
from channels.voice.ivr.steps import (
    Connect,
    Connected,
    Digits,
    Facts,
    HangUp,
    Keep,
    Kept,
    Keys,
    Look,
    Looked,
    NoInput,
    Part,
    Pressed,
    Prompt,
    Quantity,
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
from channels.voice.ivr.words import choice, command
from gateway.domain.receipt import receipt_no

HANG_UP = "hangup"
QUERY_CODE = "204816"
_MOST_STEPS = 1000
_KEYS = frozenset("0123456789*#")

Texts = Mapping[str, Mapping[str, str]]
"""What prompts say, by language and name."""

Listen = Callable[[str], str | None]
"""Shows a question for the caller and returns the next line; None when there is no more."""


class UnusableLine(Exception):
    """A line that cannot be the answer to what is asked; the text says what can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """One call of text. ``texts`` are those of all prompts the flow uses."""

    walk: FlowWalk
    texts: Texts
    facts: Facts

    def run(self, listen: Listen) -> Iterator[str]:
        """Yield what the caller hears and what happens, line by line, until the call is over."""
        at = self.facts.at
        state, step = self.walk.begin(self.facts)
        for _ in range(_MOST_STEPS):
            yield from self._told(step)
            if isinstance(step.ask, HangUp):
                return
            result = None
            while result is None:
                try:
                    result = self._result(step, listen, at)
                except UnusableLine as unusable:
                    yield f"  ? {unusable}"
                except EOFError:
                    yield "  (the caller hangs up)"
                    return
            state, step = self.walk.after(state, result, at)

    def _told(self, step: Step) -> Iterator[str]:
        for name, value in step.facts.items():
            yield f"  = {name}: {value}"
        said = " ".join(self._text(part, step.language) for part in step.parts)
        if said:
            yield f"[{step.node}] {said}"
        match step.ask:
            case Keep() as keep:
                more = (keep.callback_number, keep.callback_reason, keep.rating)
                yield "  (stored: " + ", ".join(str(one) for one in more if one is not None) + ")"
            case HangUp(cause=cause):
                yield f"  (the gateway hangs up: {cause})"
            case _:
                pass

    def _text(self, part: Part, language: str) -> str:
        match part:
            case Prompt(name=name):
                return self.texts.get(language, {}).get(name, f"<{name}>")
            case Digits(digits=digits):
                return " ".join(digits)
            case Quantity(value=value):
                return str(value)

    def _result(self, step: Step, listen: Listen, at: datetime) -> Result:
        match step.ask:
            case Keep():
                number = receipt_no(at.date(), 1)
                return Kept(values={"receipt_no": number, "query_code": QUERY_CODE})
            case Keys(first_s=0):
                return NoInput()
            case Keys() as keys:
                return _answered(keys, _line(listen, _keys_and_words(keys)))
            case Statement() as statement:
                return _stated(statement, _line(listen, _keys_and_words(statement)))
            case Connect(target=target):
                return Connected(outcome=_outcome(_line(listen, f"rings {target}: outcome")))
            case Wait(target=target):
                return Waited(outcome=_outcome(_line(listen, f"waits for {target}: outcome")))
            case Look(receipt_no=number):
                line = _line(listen, f"looks up {number}: its state, or nothing")
                return Looked(state=line or None)
            case HangUp():
                raise EOFError


def _line(listen: Listen, question: str) -> str:
    line = listen(question)
    if line is None or line.strip() == HANG_UP:
        raise EOFError
    return line.strip()


def _answered(ask: Keys, line: str) -> Result:
    if not line:
        return NoInput()
    if set(line) <= _KEYS:
        return Pressed(keys=line.removesuffix(ask.finish_on) if len(line) > 1 else line)
    if not ask.words and not ask.spoken:
        raise UnusableLine("words are not listened to here; give keys, or an empty line")
    return Spoken(text=line, choice=choice(line, ask.words))


def _stated(ask: Statement, line: str) -> Stated:
    if line in ask.single:
        return Stated(heard=False, by=StatedBy.KEY, key=line)
    if not line or set(line) <= _KEYS:
        return Stated(heard=False, by=StatedBy.KEY if line else StatedBy.SILENCE)
    if chosen := command(line, ask.words):
        return Stated(heard=False, by=StatedBy.WORDS, choice=chosen)
    return Stated(heard=True, by=StatedBy.SILENCE)


def _outcome(line: str) -> Reached:
    try:
        return Reached(line or Reached.NO_ANSWER)
    except ValueError:
        raise UnusableLine(f"is no outcome; give one of {', '.join(Reached)}") from None


def _keys_and_words(ask: Keys | Statement) -> str:
    keys = " ".join(sorted(ask.single))
    several = isinstance(ask, Keys) and ask.at_most > 1
    given = [f"up to {ask.at_most} keys"] if isinstance(ask, Keys) and several else []
    if keys:
        given.append(f"key {keys}")
    if isinstance(ask, Statement):
        given.append("the matter")
    elif ask.words:
        given.append("words")
    return ", ".join(given)
