"""A citizen's look at a case: receipt number and query code must belong together."""

import hmac

from gateway.domain.ids import Clock
from gateway.domain.intake import CaseStatus
from gateway.domain.receipt import is_receipt_no, query_code_hash
from gateway.intake.tries import Tries
from gateway.store import drafts
from gateway.store.engine import Store

WRONG_CODES = 5
"""Wrong query codes for one receipt number within ``WINDOW_S``; after them the right one is
not taken either, until the window has passed. A million codes then last for years."""

WINDOW_S = 15 * 60.0


class Lookup:
    """The ``CaseLookup`` port over the store; wrong codes are counted in this process's memory."""

    def __init__(self, *, store: Store, key: bytes, clock: Clock) -> None:
        self._store = store
        self._key = key
        self._tries = Tries(clock=clock, limit=WRONG_CODES, window_s=WINDOW_S)

    async def status(self, receipt_no: str, query_code: str) -> CaseStatus | None:
        """Return the case, or None: whether number or code was wrong is not told."""
        if not is_receipt_no(receipt_no) or self._tries.are_used_up(receipt_no):
            return None
        filed = await self._store.read(lambda c: drafts.by_receipt(c, receipt_no))
        if filed is None:
            return None
        draft = filed.draft
        given = query_code_hash(self._key, draft.draft_id, query_code)
        # Asked again: other tries may have gone wrong while the store was looking.
        if self._tries.are_used_up(receipt_no):
            return None
        if not hmac.compare_digest(given, filed.filing.query_hash):
            self._tries.went_wrong(receipt_no)
            return None
        statuses = [ref.status for ref in draft.backend_refs or () if ref.status]
        return CaseStatus(
            receipt_no=receipt_no,
            state=draft.state.value,
            received_at=draft.received_at,
            updated_at=draft.updated_at or draft.received_at,
            title=draft.request.title,
            backend_status=statuses[-1] if statuses else None,
            answers=tuple(one for one in draft.messages or () if one.direction == "out"),
        )
