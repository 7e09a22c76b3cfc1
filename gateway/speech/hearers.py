"""Two ways to hear an utterance that is not over: begin again each time, or go on."""

from collections.abc import Callable
from typing import Protocol

from gateway.speech.endpointing import Utterance
from gateway.speech.engine import Decode, Decoded
from gateway.speech.streaming import Stream


class Hearer(Protocol):
    """Hears one speaker's utterances; it blocks, and is called by one thread at a time."""

    @property
    def foresees(self) -> bool:
        """Whether an utterance that only paused may be heard as if it were over."""
        ...

    def sketch(self, so_far: Utterance) -> str:
        """Return the provisional text of an utterance that goes on."""
        ...

    def final(self, utterance: Utterance) -> Decoded | None:
        """Return the text of a finished utterance; None when nobody spoke in it."""
        ...


class Redecoding:
    """For an engine that knows whole utterances only."""

    foresees = True

    def __init__(self, *, sketch: Decode, final: Decode) -> None:
        self._sketch = sketch
        self._final = final

    def sketch(self, so_far: Utterance) -> str:
        """Decode everything said so far."""
        heard = self._sketch(so_far.audio)
        return heard.text if heard else ""

    def final(self, utterance: Utterance) -> Decoded | None:
        """Decode the whole utterance with more care."""
        return self._final(utterance.audio)


class Streaming:
    """For an engine that goes on from where it was; ``written`` gives a text its readable form."""

    foresees = False

    def __init__(
        self, begin: Callable[[], Stream], *, written: Callable[[Decoded | None], Decoded | None]
    ) -> None:
        self._begin = begin
        self._written = written
        self._stream: Stream | None = None
        self._start = -1
        self._heard = 0

    def sketch(self, so_far: Utterance) -> str:
        """Hear what is new."""
        return self._go_on(so_far)[1]

    def final(self, utterance: Utterance) -> Decoded | None:
        """Hear the rest."""
        stream, _ = self._go_on(utterance)
        self._stream = None
        return self._written(stream.finish())

    def _go_on(self, utterance: Utterance) -> tuple[Stream, str]:
        stream, self._stream = self._stream, None
        if stream is None or utterance.start != self._start:
            stream, self._start, self._heard = self._begin(), utterance.start, 0
        text = stream.hear(utterance.audio[self._heard :])
        self._heard = len(utterance.audio)
        # Kept only now: a stream that failed is not gone on with.
        self._stream = stream
        return stream, text
