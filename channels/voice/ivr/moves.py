"""What follows from a result: a closed set of moves from where a call stands."""

from dataclasses import dataclass

from channels.voice.ivr.steps import Ask
from channels.voice.ivr.values import Prompts


@dataclass(frozen=True, slots=True)
class To:
    """Go on at another node."""

    node: str


@dataclass(frozen=True, slots=True)
class Again:
    """Ask once more, saying this first; after the last retry go the way out."""

    prompts: Prompts


@dataclass(frozen=True, slots=True)
class Here:
    """Perform the node, or its new stage, from its beginning."""


@dataclass(frozen=True, slots=True)
class Arrive:
    """Come to the node, now that what was to be said before has been said."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let the performer do this and tell the result."""

    ask: Ask
    interruptible: bool = True


Move = To | Again | Here | Arrive | Wait
