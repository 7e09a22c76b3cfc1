"""Says things to the caller and knows when they were heard."""

import asyncio
from collections.abc import Callable, Sequence

from channels.voice.call.cause import Cause
from channels.voice.call.line import Line
from channels.voice.call.tape import Tape
from channels.voice.ivr.steps import Part, Prompt
from channels.voice.leg import BYTES_PER_MS, CallLeg
from channels.voice.prompts import BETWEEN_PROMPTS_MS, Prompts, silence
from gateway.channel.ports import Log

# How long after its own length a prompt whose mark never comes counts as heard.
_MARK_GRACE_MS = 3000

EVERYTHING = frozenset(Cause)


class Voice:
    """The gateway's side of a conversation."""

    def __init__(
        self, leg: CallLeg, *, line: Line, tape: Tape, prompts: Prompts, language: str, log: Log
    ) -> None:
        self._leg = leg
        self._line = line
        self._tape = tape
        self._prompts = prompts
        self._log = log
        self.language = language

    def sound(self, parts: Sequence[Part]) -> bytes:
        """Return how parts sound in the caller's language; what was never recorded is left out."""
        return silence(BETWEEN_PROMPTS_MS).join(filter(None, map(self._one, parts)))

    def named(self, *names: str) -> bytes:
        """Return how prompts sound one after the other."""
        return self.sound([Prompt(name=name) for name in names])

    async def say(
        self,
        pcm: bytes,
        *,
        stop: Callable[[], bool] | None = None,
        despite: frozenset[Cause] = frozenset(),
    ) -> bool:
        """Play audio until the caller has heard it or ``stop`` holds; tell whether it was heard.

        Raises ``Trouble``, but for the causes in ``despite``.
        """
        # An ended leg has played everything at once: whoever says things over and over must still
        # let the end be read, or the whole process would stand still.
        await asyncio.sleep(0)
        if not pcm:
            return True
        if stop is not None and stop():
            return False
        line, start = self._line, self._line.now
        self._tape.say(pcm)
        playback = await self._leg.play(pcm)
        longest = len(pcm) // BYTES_PER_MS + _MARK_GRACE_MS
        try:
            await line.until(
                lambda: (
                    playback.done or line.now - start >= longest or (stop is not None and stop())
                ),
                despite=despite,
            )
        finally:
            heard = playback.done
            if not heard:
                self._tape.hush()
        if not heard:
            await playback.cancel()
        return heard or line.now - start >= longest

    def _one(self, part: Part) -> bytes:
        for language in (self.language, None):
            try:
                return self._prompts.render(part, language)
            except KeyError:
                continue
        self._log.warning("prompt_missing", prompt=getattr(part, "name", type(part).__name__))
        return b""
