"""The recordings a caller hears: all of them are loaded at start, so none is missing in a call."""

from collections.abc import Mapping
from pathlib import Path

from channels.voice.leg import BYTES_PER_MS
from channels.voice.wav import UnusableWav, read_wav
from gateway.config import ConfigError

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "prompts"

_DIGITS = tuple(f"digit_{digit}" for digit in range(10))
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
    *_DIGITS,
)
_LARGEST = 4 * 1024 * 1024

# People write down three digits at a time; a pause this long lets them.
_GROUP = 3
_BETWEEN_DIGITS_MS = 120
_BETWEEN_GROUPS_MS = 450
BETWEEN_PROMPTS_MS = 250


def silence(milliseconds: int) -> bytes:
    """Return so much digital silence."""
    return bytes(milliseconds * BYTES_PER_MS)


class Prompts:
    """The prompts of one language, as PCM."""

    def __init__(self, recordings: Mapping[str, bytes]) -> None:
        self._recordings = dict(recordings)

    def __getitem__(self, name: str) -> bytes:
        return self._recordings[name]

    def spelled(self, digits: str) -> bytes:
        """Return a number read digit by digit, in groups of three."""
        spoken = bytearray()
        for place, digit in enumerate(digits):
            if place:
                # A single last digit stays with the group before it.
                new_group = place % _GROUP == 0 and place != len(digits) - 1
                spoken += silence(_BETWEEN_GROUPS_MS if new_group else _BETWEEN_DIGITS_MS)
            spoken += self._recordings[f"digit_{digit}"]
        return bytes(spoken)


def load(folder: Path, language: str) -> Prompts:
    """Read the prompts of one language; raises ``ConfigError`` naming the first unusable file."""
    recordings = {}
    for name in NAMES:
        path = folder / language / f"{name}.wav"
        try:
            with path.open("rb") as file:
                recordings[name] = read_wav(file.read(_LARGEST))
        except OSError:
            raise ConfigError(
                f"the telephone prompt {path} cannot be read",
                "put the recording there, or remove `prompts` to use the ones that come with the "
                "gateway",
            ) from None
        except UnusableWav as bad:
            raise ConfigError(f"the telephone prompt {path} is {bad.message}", bad.cure) from None
    return Prompts(recordings)
