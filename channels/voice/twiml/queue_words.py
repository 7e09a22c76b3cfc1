"""What a caller hears who waits at the provider; the same words as in a live call."""

from math import ceil

from channels.voice.ivr.steps import Digits, Part, Prompt, Quantity, Wait

_MOST = 99


def standing(ask: Wait, *, position: int, wait_s: int) -> tuple[Part, ...]:
    """Return where the caller stands, how long it may take, and what there is instead.

    ``position`` counts from 1, 0 when it is not known; ``wait_s`` likewise.
    """
    parts: list[Part] = []
    if position == 1:
        parts.append(Prompt(name="queue_next"))
    elif position > 1:
        parts += [
            Prompt(name="queue_ahead_is"),
            Quantity(value=min(position - 1, _MOST)),
            Prompt(name="queue_ahead_end"),
        ]
    if wait_s > 0:
        parts += [
            Prompt(name="queue_minutes_is"),
            Quantity(value=min(max(ceil(wait_s / 60), 1), _MOST)),
            Prompt(name="queue_minutes_end"),
        ]
    return (*parts, *ways_out(ask))


def ways_out(ask: Wait) -> tuple[Part, ...]:
    """Return which keys lead out of the wait."""
    parts: list[Part] = []
    for name, key in (("queue_callback", ask.callback_key), ("queue_voicemail", ask.voicemail_key)):
        if key is not None and key.isdigit():
            parts += [Prompt(name=name), Digits(digits=key)]
    return tuple(parts)
