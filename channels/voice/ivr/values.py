"""The kinds of value a flow file holds, each with one reading and one message when it is wrong."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.config import Settings

NODE_NAME = r"^[a-z][a-z0-9_]{0,31}$"
SLOT_NAME = r"^[a-z][a-z0-9_]{0,23}$"
PROMPT_NAME = r"^[a-z][a-z0-9_]{0,47}$"
LANGUAGE = r"^[a-z]{2,3}$"
SLOT_VALUE_LIMIT = 32
KEYS = "0123456789*#"
OFF = "off"

Location = tuple[str | int, ...]


def one_or_many(value: Any) -> Any:
    """Take a single value for a list of one."""
    return (value,) if isinstance(value, str | Mapping) else value


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _fit_for_a_slot(values: dict[str, str]) -> dict[str, str]:
    for name, value in values.items():
        if not re.fullmatch(SLOT_NAME, name):
            raise ValueError(
                f"has the name {name[:40]!a}; use up to 24 lower case letters, digits and _"
            )
        if not value.isprintable() or re.search(r'["\\]', value):
            raise ValueError(f"has in {name} a character that cannot be kept; use plain words")
        if not 0 < len(value) <= SLOT_VALUE_LIMIT:
            raise ValueError(f"has in {name} not 1 to {SLOT_VALUE_LIMIT} characters; shorten it")
    return values


def _keys_only(given: str) -> str:
    if not set(given) <= set(KEYS):
        raise ValueError("holds something that is no key; use 0-9, * and #")
    return given


Target = Annotated[str, Field(pattern=NODE_NAME)]
"""The name of another node."""

Slot = Annotated[str, Field(pattern=SLOT_NAME)]
"""The name of something a flow remembers during a call."""

PromptName = Annotated[str, Field(pattern=PROMPT_NAME)]
Language = Annotated[str, Field(pattern=LANGUAGE)]
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
KeyOrOff = Annotated[str, Field(pattern=r"^([0-9*#]|off)$")]
Keys = Annotated[str, AfterValidator(_keys_only)]
Assignments = Annotated[dict[str, str], AfterValidator(_fit_for_a_slot)]
Words = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=40)], ...], BeforeValidator(one_or_many)
]
PerLanguage = dict[str, Words]


class Said(Settings):
    """One thing to say: a prompt by its name, or a slot read out. ``text`` is what is recorded."""

    name: PromptName | None = None
    text: dict[str, Annotated[str, Field(min_length=1, max_length=600)]] = Field(
        default_factory=dict
    )
    digits: Slot | None = None
    quantity: Slot | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(one is not None for one in (self.name, self.digits, self.quantity)) != 1:
            raise ValueError("says nothing, or two things; give one of name, digits, quantity")
        if self.text and self.name is None:
            raise ValueError("has a text but no name; add a name for the recording")
        return self


OneSaid = Annotated[Said, BeforeValidator(_named)]
Prompts = Annotated[tuple[OneSaid, ...], BeforeValidator(one_or_many)]
