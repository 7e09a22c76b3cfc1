"""What a streaming engine is to this room: it hears an utterance piece by piece while it is spoken.

An engine of the other kind only knows whole utterances, and its provisional texts cost a decoding
of everything said so far; a streaming one goes on from where it was.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decoded


class Stream(Protocol):
    """One utterance. Its methods block, and are called by one thread at a time."""

    def hear(self, audio: Samples) -> str:
        """Take the next piece and return the provisional text of everything so far."""
        ...

    def finish(self) -> Decoded | None:
        """End the utterance; None when nobody spoke in it. Nothing may be called after it."""
        ...


@runtime_checkable
class StreamingEngine(Protocol):
    """An engine that can hear an utterance while it is spoken."""

    def stream(self, *, language: str, hotwords: Sequence[str]) -> Stream:
        """Begin an utterance; raise GatewayError for a language it does not know."""
        ...


def heard_whole(stream: Stream, audio: Samples) -> Decoded | None:
    """Let a stream hear a finished utterance, a fifth of a second at a time."""
    piece = RATE // 5
    for begin in range(0, len(audio), piece):
        stream.hear(audio[begin : begin + piece])
    return stream.finish()
