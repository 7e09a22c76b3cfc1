"""The vocabulary between a flow and whoever performs it: say this, then ask that, tell the result.

The engine returns a ``Step``; a performer (live audio, TwiML without audio, text simulation) says
its parts, performs its ask and hands the ``Result`` back. Times are in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

# --- what is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A recording known by its name, in the state's language."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """A number read digit by digit: a receipt number, a telephone number."""

    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number read as a quantity: a position, minutes; 0 to 99."""

    value: int


Part = Prompt | Digits | Quantity

# --- what is asked; each has its own kind of result


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Wait for keys, and with ``words`` also for a spoken choice.

    Exactly one key of ``single`` answers at once; otherwise up to ``at_most`` keys are collected
    until ``finish_on`` or ``between_s`` without another. ``words`` maps a spoken phrase to what it
    stands for (the performer matches them in what was recognised, see ``ivr.words``); with
    ``spoken`` any other words are an answer too, ``Spoken`` with no choice. ``barge_in`` lets a
    voice stop the prompt; a key always does when the step is ``interruptible``. With ``first_s`` 0
    nothing is waited for: the parts are said and ``NoInput`` follows.
    Result: ``Pressed``, ``Spoken`` or ``NoInput``.
    """

    single: frozenset[str] = frozenset()
    at_most: int = 1
    finish_on: str = "#"
    first_s: float = 6.0
    between_s: float = 3.0
    words: Mapping[str, str] = field(default_factory=dict)
    spoken: bool = False
    barge_in: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Listen to the caller's own words until silence, a key of ``end_keys`` or the limit.

    What is said while the parts still play belongs to the statement; with ``barge_in`` it also
    stops them. ``single`` keys (0 for a person) end it with that key. So does a phrase of
    ``words``, when it is all that was said so far (``ivr.words.command``): "an operator,
    please" is a choice, not a matter. With ``recognise`` off it is recorded only (voicemail).
    Result: ``Stated``.
    """

    silence_s: float = 4.0
    no_speech_s: float = 12.0
    limit_s: float = 600.0
    end_keys: frozenset[str] = frozenset("#")
    single: frozenset[str] = frozenset()
    words: Mapping[str, str] = field(default_factory=dict)
    barge_in: bool = True
    recognise: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Connect the caller with ``target``, a name of the account's ``targets`` (operators, 110).

    ``announce`` is said to the person who answers, before they are joined. ``hold`` is the
    prompt repeated while it rings. Result: ``Connected``.
    """

    target: str
    timeout_s: float = 25.0
    announce: tuple[Part, ...] = ()
    hold: str = "please_hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Wait in the queue of ``target`` until somebody is free; position and wait are announced.

    ``callback_key`` offers to be called back instead. Result: ``Waited``.
    """

    target: str
    longest_s: float = 300.0
    announce_every_s: float = 30.0
    most_waiting: int = 20
    callback_key: str | None = "1"
    voicemail_key: str | None = None
    announce: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Look up an earlier case by what the caller keyed in. Result: ``Looked``."""

    receipt_no: str
    query_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Store what is known now, durably, before anything is promised. Result: ``Kept``.

    ``callback_number`` asks for a call-back there; ``rating`` (1 worst to 5 best) is the caller's
    satisfaction.
    """

    callback_number: str | None = None
    callback_reason: str | None = None
    rating: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """End the call; the last step of every flow. ``cause`` is shown on the draft."""

    cause: str = "completed"


Ask = Keys | Statement | Connect | Wait | Look | Keep | HangUp

# --- what comes back


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """Keys, without the one that finished them."""

    keys: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Words: ``choice`` is what a phrase of the ask's ``words`` stands for, None if none fits."""

    text: str
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class NoInput:
    """Neither key nor word in time."""


class StatedBy(StrEnum):
    """What ended a statement."""

    SILENCE = "silence"
    KEY = "key"
    LIMIT = "limit"
    WORDS = "words"
    """A spoken choice, which the result names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A statement is over; ``heard`` tells whether anybody spoke, ``key`` which ``single`` key.

    ``choice`` is what a phrase of the ask's ``words`` stands for, when that was all that was said.
    """

    heard: bool
    by: StatedBy
    key: str | None = None
    choice: str | None = None


class Reached(StrEnum):
    """How trying to reach a person ended, the caller still being there; a closed set."""

    FINISHED = "finished"
    """They have talked, and the person has hung up."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    """No such target, or nothing to reach it by."""
    FULL = "full"
    """The queue takes nobody else."""
    TIMEOUT = "timeout"
    CALLBACK = "callback"
    """The caller prefers to be called back."""
    VOICEMAIL = "voicemail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A ``Connect`` is over."""

    outcome: Reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """A ``Wait`` is over."""

    outcome: Reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The state of an earlier case in the words of the life cycle, None when there is no such."""

    state: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """It is stored; ``values`` (``receipt_no``, ``query_code``) may be read out from now on."""

    values: Mapping[str, str] = field(default_factory=dict)


Result = Pressed | Spoken | NoInput | Stated | Connected | Waited | Looked | Kept

# --- the walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Say ``parts`` in ``language``, then perform ``ask``.

    ``node`` is where in the flow this is, for journal and live view. With ``interruptible`` a key
    stops the parts and already counts as input; ``facts`` are what the flow learnt on the way here
    (choices made, numbers confirmed), to be journalled with the call.
    """

    node: str
    language: str
    parts: tuple[Part, ...]
    ask: Ask
    interruptible: bool = True
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a flow may decide by when a call begins.

    ``at`` is an aware time; ``language`` the account's. ``recognises`` tells whether speech can be
    understood now, ``busy`` that limits are reached and the call should only be recorded,
    ``can_connect`` whether this transport reaches people, ``diverted_from`` the old number whose
    calls are diverted here. ``values`` holds ``receipt_no`` and ``query_code`` once the call is
    stored.
    """

    entry: str
    caller: str | None
    at: datetime
    language: str
    recognises: bool = True
    busy: bool = False
    can_connect: bool = True
    diverted_from: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


class Walk(Protocol):
    """A flow, ready to be walked; immutable and shared by every call."""

    @property
    def version(self) -> str:
        """The flow's name and the hash of its content, kept on each draft."""
        ...

    def begin(self, facts: Facts) -> tuple[str, Step]:
        """Return the state (opaque text of at most 1,500 characters) and the first step."""
        ...

    def after(self, state: str, result: Result, at: datetime) -> tuple[str, Step]:
        """Return the next state and step; raises ``StaleState`` for a state of another flow."""
        ...

    def step(self, state: str) -> Step:
        """Return the step a state waits at, once more; raises ``StaleState`` as ``after`` does.

        For whoever takes a call over in the middle: a provider that goes on without our audio, and
        the session that takes the call back.
        """
        ...


class StaleState(Exception):
    """A state that this flow cannot continue from: damaged, or of a flow that was replaced."""
