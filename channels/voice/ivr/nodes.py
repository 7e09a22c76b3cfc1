"""What each kind of node can set; the reference page docs/reference/ivr.md explains them.

A node names others by ``Target``; ``ways()`` lists all of those, for checks and drawings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from channels.voice.ivr.values import (
    KEYS,
    OFF,
    SLOT_VALUE_LIMIT,
    Assignments,
    Key,
    KeyOrOff,
    Keys,
    Location,
    OneSaid,
    PerLanguage,
    Prompts,
    Said,
    Slot,
    Target,
    Words,
)
from gateway.config import Settings
from gateway.config.values import Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One arrow of the flow: where in the node it is written, where it leads, what it is for."""

    at: Location
    to: str
    label: str


class GlobalKeys(Settings):
    """Keys that work at every question; not given: as in the flow. ``off`` switches one off."""

    person: KeyOrOff | None = None
    repeat: KeyOrOff | None = None
    back: KeyOrOff | None = None


class Choice(Settings):
    """One answer to a question, by key and by word."""

    to: Target
    label: str | None = Field(default=None, max_length=60)
    words: PerLanguage = Field(default_factory=dict)
    set: Assignments = Field(default_factory=dict)


def _by_key(choices: dict[str, Choice]) -> dict[str, Choice]:
    for key in choices:
        if len(key) != 1 or key not in KEYS:
            raise ValueError(f"has {key[:20]!a}, which is no key; use 0-9, * or #")
    return choices


Choices = Annotated[dict[str, Choice], AfterValidator(_by_key)]


class Node(Settings):
    """What every node has. ``set`` is remembered when the call comes here."""

    kind: str
    set: Assignments = Field(default_factory=dict)

    def ways(self) -> Iterator[Way]:
        """Yield every place this node can lead to by itself."""
        for name in ("to", "yes", "no", "found", "unknown", "otherwise", "on_error"):
            target = getattr(self, name, None)
            if target is not None:
                yield Way(at=(name,), to=target, label="" if name == "to" else name)

    def said(self) -> Iterator[tuple[Location, Said]]:
        """Yield everything this node can say, with its place."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Said):
                yield (name,), value
            elif isinstance(value, tuple):
                for index, one in enumerate(value):
                    if isinstance(one, Said):
                        yield (name, index), one


class Speaking(Node):
    """A node that says something first."""

    prompts: Prompts = ()
    interruptible: bool = True


class Asking(Speaking):
    """A node that waits for the caller, asks again, and at last goes ``otherwise``."""

    no_input: Prompts = ()
    no_match: Prompts = ()
    retries: int = Field(default=2, ge=0, le=5)
    otherwise: Target | None = None
    barge_in: bool = True
    globals: GlobalKeys = GlobalKeys()
    on_error: Target | None = None


class Menu(Asking):
    """One choice of several, by key or by word."""

    kind: Literal["menu"]
    choices: Choices = Field(min_length=1)
    first: Seconds = Field(default=6, gt=0, le=60)
    slot: Slot | None = None

    def ways(self) -> Iterator[Way]:
        yield from _ways_of(self.choices)
        yield from super().ways()


class Statement(Asking):
    """The caller's own words; kept before the call goes on ``to`` the next node."""

    kind: Literal["statement"]
    to: Target
    choices: Choices = Field(default_factory=dict)
    retries: int = Field(default=1, ge=0, le=5)
    end_silence: Seconds = Field(default=4, gt=0, le=60)
    no_speech: Seconds = Field(default=12, gt=0, le=120)
    max_seconds: Seconds = Field(default=600, gt=0, le=3600)
    end_keys: Keys = "#"
    limit_reached: Prompts = ()

    def ways(self) -> Iterator[Way]:
        yield from _ways_of(self.choices)
        yield from super().ways()


class Voicemail(Asking):
    """A recording for later; kept before the call goes on ``to`` the next node."""

    kind: Literal["voicemail"]
    to: Target
    retries: int = Field(default=0, ge=0, le=5)
    end_silence: Seconds = Field(default=5, gt=0, le=60)
    no_speech: Seconds = Field(default=10, gt=0, le=120)
    max_seconds: Seconds = Field(default=180, gt=0, le=3600)
    end_keys: Keys = "#"
    limit_reached: Prompts = ()
    recognise: bool = False


class Collect(Asking):
    """Several keys into a slot. ``spoken`` digits are taken too, to be confirmed later."""

    kind: Literal["collect"]
    slot: Slot
    to: Target
    at_least: int = Field(default=1, ge=1, le=SLOT_VALUE_LIMIT)
    at_most: int = Field(default=20, ge=1, le=SLOT_VALUE_LIMIT)
    finish_on: Key = "#"
    first: Seconds = Field(default=8, gt=0, le=60)
    between: Seconds = Field(default=4, gt=0, le=30)
    check: Literal["any", "receipt_no", "phone"] = "any"
    spoken: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError("takes at most fewer keys than at least; correct at_most")
        return self


class Confirm(Asking):
    """Is what a slot holds right? The prompts read it back."""

    kind: Literal["confirm"]
    slot: Slot
    yes: Target
    no: Target
    yes_key: Key = "1"
    no_key: Key = "2"
    first: Seconds = Field(default=6, gt=0, le=60)


class Callback(Asking):
    """A call-back number: caller id first, else keys, always read back; then it is kept."""

    kind: Literal["callback"]
    to: Target
    offer: Prompts = Field(min_length=1)
    enter: Prompts = Field(min_length=1)
    check: Prompts = Field(min_length=1)
    done: Prompts = ()
    spoken: bool = True
    reason: str = Field(default="requested", pattern=r"^[a-z_]{1,32}$")


class Survey(Asking):
    """Satisfaction by key; ``ratings`` maps a key to 1 (worst) to 5 (best)."""

    kind: Literal["survey"]
    to: Target
    ratings: dict[str, Annotated[int, Field(ge=1, le=5)]] = Field(
        default_factory=lambda: {"1": 5, "2": 4, "3": 3, "4": 2, "5": 1}
    )
    retries: int = Field(default=1, ge=0, le=5)
    first: Seconds = Field(default=6, gt=0, le=60)


class Say(Speaking):
    """Says something and goes on."""

    kind: Literal["say"]
    to: Target


class Goto(Node):
    """Goes on elsewhere."""

    kind: Literal["goto"]
    to: Target


class HangUp(Speaking):
    """The end of the call."""

    kind: Literal["hangup"]
    cause: str = Field(default="completed", pattern=r"^[a-z_]{1,32}$")


class When(Settings):
    """What must all be so; what is not given does not matter."""

    open: str | None = None
    closed: str | None = None
    entry: Words = ()
    diverted_from: Words = ()
    language: Words = ()
    withheld: bool | None = None
    caller: Literal["mobile", "landline", "other"] | None = None
    recognises: bool | None = None
    busy: bool | None = None
    can_connect: bool | None = None
    slots: dict[str, Words] = Field(default_factory=dict)
    known: Words = ()
    unknown: Words = ()


class Rule(Settings):
    """One line of a route: if so, go there."""

    when: When
    to: Target
    set: Assignments = Field(default_factory=dict)


class Route(Node):
    """Decides without asking; the first rule that fits wins."""

    kind: Literal["route"]
    rules: tuple[Rule, ...] = Field(min_length=1)
    otherwise: Target

    def ways(self) -> Iterator[Way]:
        for index, rule in enumerate(self.rules):
            given = rule.when.model_dump(exclude_defaults=True)
            yield Way(at=("rules", index, "to"), to=rule.to, label=" ".join(given))
        yield from super().ways()


class Outcomes(Settings):
    """Where to go when trying to reach a person ended so."""

    finished: Target | None = None
    busy: Target | None = None
    no_answer: Target | None = None
    failed: Target | None = None
    full: Target | None = None
    timeout: Target | None = None
    callback: Target | None = None
    voicemail: Target | None = None


class _Reaching(Speaking):
    target: str = Field(min_length=1, max_length=60)
    outcomes: Outcomes = Outcomes()
    otherwise: Target
    announce: Prompts = ()
    on_error: Target | None = None

    def ways(self) -> Iterator[Way]:
        for name in Outcomes.model_fields:
            to = getattr(self.outcomes, name)
            if to is not None:
                yield Way(at=("outcomes", name), to=to, label=name)
        yield from super().ways()


class Transfer(_Reaching):
    """Connects the caller with somebody; ``announce`` is said to who answers."""

    kind: Literal["transfer"]
    timeout: Seconds = Field(default=25, gt=0, le=180)
    hold: OneSaid = Said(name="please_hold")


class Queue(_Reaching):
    """Lets the caller wait for somebody."""

    kind: Literal["queue"]
    longest: Seconds = Field(default=300, gt=0, le=3600)
    announce_every: Seconds = Field(default=30, ge=10, le=600)
    most_waiting: int = Field(default=20, ge=0, le=1000)
    callback_key: KeyOrOff = "1"
    voicemail_key: KeyOrOff = OFF


class Lookup(Speaking):
    """The state of an earlier case; a wrong number and a wrong code are answered alike."""

    kind: Literal["lookup"]
    receipt_no: Slot
    query_code: Slot
    states: dict[str, Target] = Field(default_factory=dict)
    found: Target
    unknown: Target
    tries: int = Field(default=3, ge=1, le=10)
    otherwise: Target | None = None
    on_error: Target | None = None

    def ways(self) -> Iterator[Way]:
        for state, to in self.states.items():
            yield Way(at=("states", state), to=to, label=state)
        yield from super().ways()


AnyNode = (
    Menu
    | Statement
    | Voicemail
    | Collect
    | Confirm
    | Callback
    | Survey
    | Say
    | Goto
    | HangUp
    | Route
    | Transfer
    | Queue
    | Lookup
)

KINDS: Mapping[str, type[AnyNode]] = {
    "menu": Menu,
    "collect": Collect,
    "statement": Statement,
    "say": Say,
    "route": Route,
    "transfer": Transfer,
    "queue": Queue,
    "voicemail": Voicemail,
    "callback": Callback,
    "survey": Survey,
    "confirm": Confirm,
    "lookup": Lookup,
    "goto": Goto,
    "hangup": HangUp,
}


def _ways_of(choices: Mapping[str, Choice]) -> Iterator[Way]:
    for key, choice in choices.items():
        label = f"{key} {choice.label or ''}".strip()
        yield Way(at=("choices", key, "to"), to=choice.to, label=label)
