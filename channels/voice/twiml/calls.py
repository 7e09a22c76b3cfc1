"""Which calls this process holds: no stream is taken twice, and each end is told once."""

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

_REMEMBERED = 10_000


class Admission(StrEnum):
    """What becomes of a stream that wants in."""

    TAKEN = "taken"
    REPLAYED = "replayed"


@dataclass(slots=True)
class _Known:
    """``turn`` is that of the last stream taken; ``ours`` that its session tells the call's end."""

    turn: int
    ours: bool = True
    complete: bool = False
    handed_back: str | None = None


class Calls:
    """The calls of one account in this process; the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._talks: OrderedDict[str, None] = OrderedDict()

    def admit(self, call_id: str, turn: int) -> Admission:
        """Take a stream in, once for each turn of its call."""
        known = self._known.get(call_id)
        if known is not None and known.turn >= turn:
            return Admission.REPLAYED
        self._known[call_id] = _Known(turn)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return Admission.TAKEN

    def overhear(self, talk: str) -> bool:
        """Take the stream of a talk in; False for one that was here before."""
        if talk in self._talks:
            return False
        self._talks[talk] = None
        if len(self._talks) > _REMEMBERED:
            self._talks.popitem(last=False)
        return True

    def complete(self, call_id: str) -> None:
        """Note that nothing more is to be said in this call: the line may go."""
        if known := self._known.get(call_id):
            known.complete = True

    def hand_back(self, call_id: str, state: str) -> None:
        """Note where the provider is to go on with a call; from now on it tells its end."""
        if known := self._known.get(call_id):
            known.handed_back = state
            known.ours = False

    def handed_back(self, call_id: str) -> tuple[str, int] | None:
        """Return where the provider is to go on, and after which turn; alike each time it asks."""
        known = self._known.get(call_id)
        if known is None or known.handed_back is None:
            return None
        return known.handed_back, known.turn

    def forget(self, call_id: str) -> None:
        """Leave it to the provider to tell how this call ended: we could not store it."""
        if known := self._known.get(call_id):
            known.ours = False

    def tells_its_end(self, call_id: str) -> bool:
        """Tell whether the end of this call is told, or was told, by the stream itself."""
        known = self._known.get(call_id)
        return known is not None and known.ours

    def is_complete(self, call_id: str) -> bool:
        """Tell whether the conversation of a call came to its end here."""
        known = self._known.get(call_id)
        return known is not None and known.complete
