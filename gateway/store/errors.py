"""What can go wrong below: the store is unavailable, or somebody else was faster."""

from gateway.channel.errors import StoreBusy
from gateway.domain.errors import GatewayError


class StoreDown(StoreBusy):
    """The database cannot be reached or written; nothing is known to be committed."""


class StoreFull(StoreDown):
    """The disk (or the database's quota) is full; reading goes on, nothing is accepted."""


class WrongSchema(GatewayError):
    """The database was made by another version of the gateway."""


class RevisionConflict(GatewayError):
    """Another transaction revised the draft between our reading and our writing it."""

    def __init__(self, draft_id: str) -> None:
        super().__init__(
            f"draft {draft_id} has changed since it was read", "read it again and repeat the change"
        )
        self.draft_id = draft_id


class StaleRevision(GatewayError):
    """A person changed a draft that is no longer as they saw it."""

    def __init__(self, draft_id: str, seen: int, current: int) -> None:
        super().__init__(
            f"draft {draft_id} is at revision {current}, the change was made to {seen}",
            "look at it again and repeat the change",
        )
        self.current = current


class NotFound(GatewayError):
    """There is no such thing in the store."""
