"""A flow: what one deployment's telephone says and asks, immutable and shared by all calls."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from channels.voice.ivr.calendar import Calendar, Hours
from channels.voice.ivr.nodes import AnyNode, GlobalKeys
from channels.voice.ivr.values import Language, PerLanguage, Prompts, Said, Target, one_or_many
from gateway.config import Settings

RESERVED_SLOTS = frozenset({"caller", "callback_number", "receipt_no", "query_code"})
"""Slots the engine itself fills, from the caller id and from what was stored."""


class GlobalWords(Settings):
    """What else callers say for what works everywhere, per language."""

    person: PerLanguage = Field(default_factory=dict)
    repeat: PerLanguage = Field(default_factory=dict)
    back: PerLanguage = Field(default_factory=dict)


class FlowSettings(Settings):
    """Everything in a flow file but the nodes."""

    flow: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
    languages: Annotated[
        tuple[Language, ...], BeforeValidator(one_or_many), Field(min_length=1, max_length=6)
    ]
    start: Target
    person: Target
    way_out: Target
    farewell: Prompts = ()
    globals: GlobalKeys = GlobalKeys(person="0", repeat="*", back="9")
    words: GlobalWords = GlobalWords()
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "CN"
    area_code: Annotated[str, Field(pattern=r"^[0-9]{0,5}$")] = ""
    calendars: dict[str, str] = Field(default_factory=dict)
    hours: dict[str, Hours] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _globals_not_given(cls, given: Any) -> Any:
        """A key that a flow does not mention keeps its usual meaning."""
        if isinstance(given, dict) and isinstance(keys := given.get("globals"), dict):
            usual = {"person": "0", "repeat": "*", "back": "9"}
            return {**given, "globals": {**usual, **keys}}
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A checked flow. ``version`` is its name and the hash of everything that it was made from."""

    version: str
    settings: FlowSettings
    nodes: Mapping[str, AnyNode]
    calendars: Mapping[str, Calendar]

    def said(self) -> Iterator[Said]:
        """Yield everything that can be said, in the order of the file."""
        for node in self.nodes.values():
            for _, said in node.said():
                yield said
        yield from self.settings.farewell

    def prompt_names(self) -> tuple[str, ...]:
        """Return every prompt that calls of this flow need, each once, digits not among them."""
        return tuple(sorted({said.name for said in self.said() if said.name is not None}))

    def texts(self) -> Mapping[str, Mapping[str, str]]:
        """Return the texts that the flow itself gives, by language and prompt name."""
        texts: dict[str, dict[str, str]] = {one: {} for one in self.settings.languages}
        for said in self.said():
            for language, text in said.text.items():
                texts[language][said.name or ""] = text
        return texts

    def unknown_years(self, at: datetime) -> tuple[str, ...]:
        """Return the calendars that do not know the year of a time, for somebody to be told."""
        return tuple(
            name
            for name, calendar in sorted(self.calendars.items())
            if not calendar.knows(at.astimezone(calendar.timezone).date())
        )
