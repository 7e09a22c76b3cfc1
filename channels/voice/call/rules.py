"""The limits of one call that no flow sets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BargeIn:
    """When a voice stops a prompt.

    ``speech_ms`` is how long it must have spoken, ``words`` how many words (Chinese: characters)
    must have been understood; 0 waits for none. ``echo`` (0 to 1) is from which likeness on the
    voice counts as the prompt itself, coming back.
    """

    speech_ms: int = 250
    words: int = 0
    echo: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Times in seconds; real time but for ``answer_s``, which is counted in the caller's audio.

    ``retry_waits_s`` are the pauses between attempts to store something, ``closing_s`` bounds what
    is done after the call, ``feed_s`` how long a recogniser may take to accept audio. A call ends
    after ``call_s``, or ``media_lost_s`` after its audio stopped. ``answer_s`` is how long the
    words of a caller who fell silent are waited for.
    """

    retry_waits_s: tuple[float, ...] = (0.2, 0.5, 1.0)
    closing_s: float = 20.0
    feed_s: float = 5.0
    call_s: float = 7200.0
    media_lost_s: float = 20.0
    drain_s: float = 15.0
    answer_s: float = 6.0
    barge_in: BargeIn = BargeIn()
