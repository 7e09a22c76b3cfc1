"""Finds and loads the recordings at start, so that none is missing in the middle of a call."""

from collections.abc import Collection
from pathlib import Path

from channels.voice.prompts.spoken import DIGITS, Prompts
from channels.voice.wav import UnusableWav, read_wav
from gateway.config import ConfigError

_CONFIG = Path(__file__).resolve().parents[3] / "config"
SHIPPED = _CONFIG / "prompts"
SHIPPED_FLOW = _CONFIG / "ivr" / "hotline.yaml"

NAMES = (
    "greeting",
    "recording_notice",
    "please_speak",
    "are_you_there",
    "nothing_heard",
    "limit_reached",
    "receipt_number_is",
    "once_more",
    "query_code_is",
    "thanks",
    "sorry_busy",
    "sorry_outage",
    *DIGITS,
)
CITY_OR_SHIPPED = "put the recording there, or let `hotline prompts render` make it from its text"
_LARGEST = 4 * 1024 * 1024


def path_of(name: str, language: str, folder: Path | None) -> Path:
    """Return the file of a recording: in the city's own ``folder`` if it is there, else shipped."""
    if folder is not None:
        own = folder / language / f"{name}.wav"
        if own.exists():
            return own
    return SHIPPED / language / f"{name}.wav"


def load(folder: Path | None, *languages: str, names: Collection[str] = NAMES) -> Prompts:
    """Read recordings; raises ``ConfigError`` naming the first that is missing or unusable.

    The first of ``languages`` is the one used when a part names none.
    """
    if folder is not None and not folder.is_dir():
        raise ConfigError(
            f"there is no folder {folder} for the telephone prompts",
            "name a folder with one sub-folder of recordings for each language, such as zh",
        )
    return Prompts(
        {
            language: {name: _read(path_of(name, language, folder)) for name in names}
            for language in languages
        },
        languages[0],
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return read_wav(file.read(_LARGEST))
    except OSError:
        raise ConfigError(f"the telephone prompt {path} cannot be read", CITY_OR_SHIPPED) from None
    except UnusableWav as bad:
        raise ConfigError(f"the telephone prompt {path} is {bad.message}", bad.cure) from None
