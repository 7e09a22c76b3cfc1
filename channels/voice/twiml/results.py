"""Reads what a provider brings back from a question as the result the flow waits for (pure)."""

from collections.abc import Mapping
from datetime import datetime

from channels.voice.ivr import words
from channels.voice.ivr.steps import (
    Ask,
    Connect,
    Connected,
    HangUp,
    Keep,
    Keys,
    Look,
    NoInput,
    Pressed,
    Reached,
    Result,
    Spoken,
    Stated,
    StatedBy,
    Statement,
    Wait,
    Waited,
)

_LIMIT_SLACK_S = 1.0
_AT_ONCE_S = 2

_DIALLED: Mapping[str, Reached] = {
    "completed": Reached.FINISHED,
    "answered": Reached.FINISHED,
    "busy": Reached.BUSY,
    "no-answer": Reached.NO_ANSWER,
    "canceled": Reached.NO_ANSWER,
}
"""What became of a ``<Dial>``: https://www.twilio.com/docs/voice/twiml/dial#dialcallstatus-values"""

_QUEUED: Mapping[str, Reached] = {
    "bridged": Reached.FINISHED,
    "queue-full": Reached.FULL,
}
"""How a call left its queue: https://www.twilio.com/docs/voice/twiml/enqueue#attributes-action"""


def is_over(fields: Mapping[str, str]) -> bool:
    """Tell whether the caller has hung up: nobody is there to be asked anything."""
    return fields.get("CallStatus", "").lower() == "completed" or fields.get("Digits") == "hangup"


def keys_of(fields: Mapping[str, str]) -> str:
    """Return the keys that were pressed, the one that ended them included."""
    pressed = fields.get("Digits", "")
    if pressed == "hangup":
        return ""
    return "".join(key for key in pressed + fields.get("FinishedOnKey", "") if key in _KEYS)


_KEYS = "0123456789*#ABCD"


def result_of(ask: Ask, fields: Mapping[str, str]) -> Result | None:
    """Return the result of a question; None for one that no provider answers."""
    match ask:
        case Keys():
            return _answered(ask, fields)
        case Statement():
            return _stated(ask, fields)
        case Connect():
            return Connected(outcome=reached(fields))
        case Wait() if fields.get("QueueResult"):
            return Waited(outcome=_left(ask, fields))
        case Wait() | Look() | Keep() | HangUp():
            return None


def reached(fields: Mapping[str, str]) -> Reached:
    """Return what became of ringing somebody."""
    return _DIALLED.get(fields.get("DialCallStatus", "").lower(), Reached.FAILED)


def _answered(ask: Keys, fields: Mapping[str, str]) -> Result:
    keys = keys_of({"Digits": fields.get("Digits", "")}).removesuffix(ask.finish_on)
    if keys or keys_of(fields):
        return Pressed(keys=keys[: max(ask.at_most, 1)])
    if said := fields.get("SpeechResult", "").strip()[:2000]:
        return Spoken(text=said, choice=words.choice(said, ask.words))
    return NoInput()


def _stated(ask: Statement, fields: Mapping[str, str]) -> Stated:
    lasted = seconds(fields.get("RecordingDuration", ""))
    key = keys_of(fields)[-1:]
    heard = lasted > 0 and bool(fields.get("RecordingUrl"))
    if key in ask.single and key:
        # Whoever presses a key at once has not said anything, though it was recorded.
        return Stated(heard=heard and lasted > _AT_ONCE_S, by=StatedBy.KEY, key=key)
    if key:
        return Stated(heard=heard, by=StatedBy.KEY)
    if lasted >= ask.limit_s - _LIMIT_SLACK_S:
        return Stated(heard=heard, by=StatedBy.LIMIT)
    return Stated(heard=heard, by=StatedBy.SILENCE)


def _left(ask: Wait, fields: Mapping[str, str]) -> Reached:
    outcome = fields["QueueResult"].lower()
    if outcome == "leave":
        # We let callers go for two reasons, and only one of them takes so long.
        late = seconds(fields.get("QueueTime", "")) >= ask.longest_s
        return Reached.TIMEOUT if late else Reached.CALLBACK
    return _QUEUED.get(outcome, Reached.FAILED)


def waited_s(since: int, at: datetime) -> float:
    """Return how long a wait that began at ``since`` (Unix time) lasts by ``at``."""
    return at.timestamp() - since


def seconds(text: str) -> int:
    """Return a whole number of seconds (or of anything else), 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
