"""Where a call stands in a flow, as a short text that any process can continue from."""

import msgspec

from channels.voice.ivr.steps import StaleState

LIMIT = 1500
"""Most characters of a state."""

_LONGEST_VERSION = 64
_LONGEST_ADDRESS = 64


class State(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Everything a flow remembers of a call; the names are short because the text travels.

    ``quiet`` counts steps since the caller last did something, ``lost`` how often the way out had
    to be taken since then, ``looks`` the look-ups of this call.
    """

    version: str = msgspec.field(name="v")
    node: str = msgspec.field(name="n")
    language: str = msgspec.field(name="l")
    entry: str = msgspec.field(name="e", default="")
    diverted: str | None = msgspec.field(name="d", default=None)
    caller: str | None = msgspec.field(name="c", default=None)
    recognises: bool = msgspec.field(name="r", default=True)
    busy: bool = msgspec.field(name="u", default=False)
    can_connect: bool = msgspec.field(name="x", default=True)
    stage: str = msgspec.field(name="g", default="")
    tries: int = msgspec.field(name="t", default=0)
    quiet: int = msgspec.field(name="q", default=0)
    lost: int = msgspec.field(name="o", default=0)
    looks: int = msgspec.field(name="k", default=0)
    back: list[str] = msgspec.field(name="b", default_factory=list)
    slots: dict[str, str] = msgspec.field(name="s", default_factory=dict)


def write(state: State) -> str:
    """Return the state as text."""
    return msgspec.json.encode(state).decode()


def read(text: str, version: str) -> State:
    """Return the state; raises ``StaleState`` when it is damaged or of another flow."""
    state = _parsed(text)
    if state.version != version:
        raise StaleState("the state belongs to another flow, or to another version of it")
    return state


def _parsed(text: str) -> State:
    if len(text) > LIMIT:
        raise StaleState("the state is too long to be one")
    try:
        return msgspec.json.decode(text, type=State)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise StaleState("the state is damaged") from None


def version_of(text: str) -> str:
    """Return the version of the flow that a state belongs to; raises ``StaleState``."""
    return _parsed(text).version


def fits(address: str | None, longest: int = _LONGEST_ADDRESS) -> str | None:
    """Return an address as a state can hold it, or None."""
    if address and len(address) <= longest and address.isprintable() and address.isascii():
        return None if '"' in address or "\\" in address else address
    return None
