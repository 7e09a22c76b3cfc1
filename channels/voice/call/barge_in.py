"""Decides whether a voice may stop a prompt: long enough, words enough, and not our own echo."""

from channels.voice.call.echo import likeness
from channels.voice.call.hearing import Hearing
from channels.voice.call.rules import BargeIn
from channels.voice.call.tape import Tape

# Comparing with what was said costs half a millisecond: often enough, and not with every frame.
_JUDGED_EVERY_MS = 100


class Arbiter:
    """Judges one caller. Keys are not its business: they always win."""

    def __init__(self, hearing: Hearing, tape: Tape, rules: BargeIn) -> None:
        self._hearing = hearing
        self._tape = tape
        self._rules = rules
        self._judged_at = -_JUDGED_EVERY_MS

    def interrupts(self, since: int) -> bool:
        """Tell whether the caller means to be heard instead of a prompt that began at ``since``.

        Without a recogniser nobody can tell a voice from a lorry, so nothing but keys interrupts.
        """
        hearing, rules = self._hearing, self._rules
        if hearing.voice_ms(since) < rules.speech_ms or hearing.words < rules.words:
            return False
        if hearing.now - self._judged_at < _JUDGED_EVERY_MS:
            return False
        self._judged_at = hearing.now
        return likeness(*self._tape.recent()) < rules.echo
