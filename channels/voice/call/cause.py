"""Why a call ended, in the words that drafts show; a flow may end a call for reasons of its own."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from channels.voice.leg import EndedBy


class Cause(StrEnum):
    """Why a call ended, as far as a session knows it by itself."""

    COMPLETED = "completed"
    """The flow came to its end."""
    CALLER_HUNG_UP = "caller_hung_up"
    MEDIA_LOST = "media_lost"
    CALL_LIMIT = "call_limit"
    PROTOCOL_ERROR = "protocol_error"
    STORE_BUSY = "store_busy"
    """Nothing could be stored; the caller was told so."""
    OUT_OF_ORDER = "out_of_order"
    """Neither recording nor recognition works, or the flow broke; the caller was told so."""
    SHUTDOWN = "shutdown"


CAUSE_OF: Mapping[EndedBy, Cause] = MappingProxyType(
    {
        EndedBy.CALLER: Cause.CALLER_HUNG_UP,
        EndedBy.GATEWAY: Cause.COMPLETED,
        EndedBy.NETWORK: Cause.MEDIA_LOST,
        EndedBy.LIMIT: Cause.CALL_LIMIT,
        EndedBy.PROTOCOL: Cause.PROTOCOL_ERROR,
        EndedBy.HANDED_BACK: Cause.COMPLETED,
    }
)


class Trouble(Exception):
    """The conversation cannot go on; the caller is told so."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause = cause
