"""Which calls this process holds: no stream is taken twice, and no more than it can carry."""

from collections import OrderedDict
from enum import StrEnum

_REMEMBERED = 10_000


class Admission(StrEnum):
    """What becomes of a stream that wants in."""

    TAKEN = "taken"
    REPLAYED = "replayed"
    FULL = "full"


class Calls:
    """The calls of one account in this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._active = 0
        # Call id and whether its conversation came to its end; the oldest are forgotten.
        self._known: OrderedDict[str, bool] = OrderedDict()

    def admit(self, call_id: str) -> Admission:
        """Take a stream in, once for each call; whoever is taken must ``leave``."""
        if call_id in self._known:
            return Admission.REPLAYED
        if self._active >= self._most:
            return Admission.FULL
        self._active += 1
        self._known[call_id] = False
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return Admission.TAKEN

    def complete(self, call_id: str) -> None:
        """Note that nothing more is to be said in this call: the line may go."""
        self._known[call_id] = True

    def leave(self) -> None:
        """Give the place back."""
        self._active -= 1

    def forget(self, call_id: str) -> None:
        """Leave it to the provider to tell how this call ended: we could not store it."""
        self._known.pop(call_id, None)

    def tells_its_end(self, call_id: str) -> bool:
        """Tell whether the end of this call is told, or was told, by the stream itself."""
        return call_id in self._known

    def is_complete(self, call_id: str) -> bool:
        """Tell whether the conversation of a call came to its end here."""
        return self._known.get(call_id, False)

    @property
    def active(self) -> int:
        """How many calls are being held now."""
        return self._active
