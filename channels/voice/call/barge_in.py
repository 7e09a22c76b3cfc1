"""Decides whether a voice may stop a prompt: long enough, words enough, and not our own echo."""

from channels.voice.call.echo import likeness
from channels.voice.call.hearing import Hearing
from channels.voice.call.rules import BargeIn
from channels.voice.call.tape import Tape

# Comparing with what was said costs half a millisecond: often enough, and not with every frame.
_JUDGED_EVERY_MS = 100
# Whoever is answered says hello; that is no reason to leave him without the greeting.
_HELLO_WITHIN_MS = 2000
_LONGEST_HELLO_MS = 1000


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
        enough = rules.speech_ms
        if hearing.voice_from < _HELLO_WITHIN_MS:
            enough = max(enough, _LONGEST_HELLO_MS)
        if hearing.voice_ms(since) < enough or hearing.words < rules.words:
            return False
        if hearing.now - self._judged_at < _JUDGED_EVERY_MS:
            return False
        self._judged_at = hearing.now
        return likeness(*self._tape.recent()) < rules.echo
