"""The real model, loaded once for all tests of this folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.channel.speech import Unavailable
from gateway.speech.loading import load_recogniser
from gateway.speech.session import GatedRecogniser

CALLERS = Path(__file__).parents[3] / "config" / "demo" / "callers"


@dataclass(frozen=True)
class Caller:
    """One recorded citizen and what was really said."""

    path: Path
    text: str
    language: str


@pytest.fixture(scope="session")
def callers() -> list[Caller]:
    """The callers that come with the project."""
    texts = json.loads((CALLERS / "texts.json").read_text("utf-8"))
    return [Caller(CALLERS / name, said["text"], said["lang"]) for name, said in texts.items()]


@pytest.fixture(scope="session")
def recogniser() -> Iterator[GatedRecogniser]:
    """The default model; a machine without it fails, for ``make test`` fetches it."""
    loaded = load_recogniser("whisper-base", workers=1)
    if isinstance(loaded, Unavailable):
        pytest.fail(f"{loaded.reason}; {loaded.cure}")
    yield loaded
    loaded.close()
