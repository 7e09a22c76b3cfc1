"""What each prompt says: the list beside the shipped recordings, and what a flow adds to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from channels.voice.prompts.recordings import SHIPPED
from gateway.config import ConfigError

LISTED = SHIPPED / "prompts.yaml"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    voices: dict[str, str]
    texts: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The words of prompts by language and name, and the voice of each language."""

    voices: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def with_more(self, more: Mapping[str, Mapping[str, str]]) -> "Texts":
        """Return these texts with those of a flow, which win."""
        languages = {*self.texts, *more}
        return Texts(
            voices=self.voices,
            texts={one: {**self.texts.get(one, {}), **more.get(one, {})} for one in languages},
        )


def read_texts(path: Path = LISTED) -> Texts:
    """Read a list of texts; raises ``ConfigError``."""
    cure = "compare it with config/prompts/prompts.yaml of the gateway"
    try:
        found = _File.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", cure) from None
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
        what = str(error).splitlines()[0]
        raise ConfigError(f"{path} is no list of prompt texts: {what}", cure) from None
    return Texts(voices=found.voices, texts=found.texts)
