"""What goes through the pipes between the gateway and its speech workers, and how.

Both ends are this program and the pipe has no other, which is why pickled objects may go through.
"""

import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gateway.channel.speech import EngineInfo
from gateway.speech.catalogue import Model
from gateway.speech.engine import Decoded, Effort

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a worker needs to load its engine."""

    model: Model
    folder: Path
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One utterance to decode; ``audio`` is 32-bit floats at 16 kHz."""

    language: str
    hotwords: tuple[str, ...]
    effort: Effort
    audio: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a request, or of loading (then ``info`` is there when it went well)."""

    decoded: Decoded | None = None
    info: EngineInfo | None = None
    failure: str | None = None
    cure: str = ""


def send(pipe: BinaryIO, message: object) -> None:
    """Write one message; raises OSError when nobody reads."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(body)) + body)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Read one message; raises EOFError when there will be none."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (size,) = _LENGTH.unpack(head)
    body = pipe.read(size)
    if len(body) < size:
        raise EOFError
    return pickle.loads(body)  # noqa: S301 - from our own parent or child, see above
