"""One turn of a call: the state while it changes, what is to be said, what was learnt."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from channels.voice.ivr import phones
from channels.voice.ivr.flow import Flow
from channels.voice.ivr.nodes import AnyNode
from channels.voice.ivr.state import State, fits
from channels.voice.ivr.steps import Digits, Part, Prompt, Quantity
from channels.voice.ivr.values import OFF, SLOT_VALUE_LIMIT, Said
from channels.voice.ivr.words import COMMANDS, NUMERALS

LANGUAGE = "language"
_BACK_LIMIT = 8


@dataclass(slots=True, kw_only=True)
class Turn:
    """Working memory between one result and the next step."""

    flow: Flow
    state: State
    at: datetime
    parts: list[Part] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def node(self) -> AnyNode:
        """Where the call stands."""
        return self.flow.nodes[self.state.node]

    def say(self, prompts: Iterable[Said]) -> None:
        """Say this before what is asked next."""
        self.parts += self.spoken(prompts)

    def spoken(self, prompts: Iterable[Said]) -> tuple[Part, ...]:
        """Return prompts as parts; a slot that is not known is left out."""
        parts = []
        for said in prompts:
            part = self._part(said)
            if part is not None:
                parts.append(part)
        return tuple(parts)

    def _part(self, said: Said) -> Part | None:
        if said.name is not None:
            return Prompt(name=said.name)
        value = self.slot(said.digits or said.quantity or "")
        digits = phones.read_out(value or "", self.flow.settings.region)
        if not digits:
            return None
        return Digits(digits=digits) if said.digits else Quantity(value=min(int(digits), 99))

    def slot(self, name: str) -> str | None:
        """Return what is remembered under a name."""
        if name == "caller":
            return self.state.caller if phones.dialable(self.state.caller) else None
        return self.state.slots.get(name)

    def remember(self, values: Mapping[str, str]) -> None:
        """Keep values of a flow file or of the caller for later, and report them as facts."""
        for name, value in values.items():
            if name == LANGUAGE:  # every step tells its language by itself
                self.state.language = value
            else:
                self.state.slots[name] = self.facts[name] = value

    def stored(self, values: Mapping[str, str]) -> None:
        """Keep what storing the call gave; that is no news to whoever journals facts."""
        for name in ("receipt_no", "query_code"):
            if value := fits(values.get(name), SLOT_VALUE_LIMIT):
                self.state.slots[name] = value

    def leave_trail(self) -> None:
        """Remember this node as one the caller may come back to."""
        trail = self.state.back
        if trail[-1:] != [self.state.node]:
            trail.append(self.state.node)
        del trail[:-_BACK_LIMIT]

    def global_keys(self) -> dict[str, str]:
        """Return the keys that work here besides the node's own, with what each does."""
        usual, own = self.flow.settings.globals, getattr(self.node, "globals", None)
        keys = {}
        for name in ("person", "repeat", "back"):
            key = getattr(own, name, None) or getattr(usual, name)
            if key and key != OFF and not (name == "back" and not self.state.back):
                keys[key] = name
        return keys

    def words(self, own: Mapping[str, Iterable[str]], singles: Iterable[str]) -> dict[str, str]:
        """Return phrases with the key each stands for; none when speech is not understood.

        ``own`` are the node's phrases by key; the words of the global keys and the numbers of
        ``singles`` are added, without taking a phrase from the node.
        """
        if not self.state.recognises:
            return {}
        language = self.state.language
        words = {phrase: key for key, phrases in own.items() for phrase in phrases}
        for key, name in self.global_keys().items():
            more = getattr(self.flow.settings.words, name).get(language, ())
            for phrase in (*more, *COMMANDS.get(language, {}).get(name, ())):
                words.setdefault(phrase, key)
        for key in singles:
            for numeral in NUMERALS.get(language, {}).get(key, ()):
                words.setdefault(numeral, key)
        return words
