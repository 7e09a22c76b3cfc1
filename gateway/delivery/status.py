"""A backend tells how its case goes: verified, applied once, in the order of its own clock."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.channel.errors import Malformed
from gateway.config import Endpoint
from gateway.delivery import signing
from gateway.delivery.forwarding import case_subject
from gateway.delivery.keyring import signing_keys
from gateway.delivery.signing import Vouched
from gateway.domain.draft import Aware, BackendRef
from gateway.domain.errors import GatewayError
from gateway.domain.ids import Clock
from gateway.store import audit, drafts
from gateway.store.errors import NotFound
from gateway.store.ledger import Ledger, Ledgers, draft_lock
from gateway.store.times import to_us

MirroredStatus = Literal[
    "accepted",
    "dispatched",
    "in_progress",
    "supplement_required",
    "returned",
    "resolved",
    "to_follow_up",
    "closed",
    "reopened",
]
"""The life of a case in a backend, as the gateway mirrors it."""

_AHEAD = timedelta(minutes=5)


class StatusReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a callback; one of the three names says which case it is about."""

    status: MirroredStatus
    draft_id: Annotated[str, Meta(max_length=26)] | None = None
    external_id: Annotated[str, Meta(max_length=200)] | None = None
    receipt_no: Annotated[str, Meta(max_length=20)] | None = None
    status_at: Aware | None = None
    message: Annotated[str, Meta(max_length=2000)] | None = None


class StatusOutcome(StrEnum):
    """What a callback came to; all of them are acknowledged."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    """This message id has been handled."""
    STALE = "stale"
    """A later status is known already."""


class NotForwarded(GatewayError):
    """The draft is not (yet) known as this backend's case; worth another try, so answer 409."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusDesk:
    """Takes the status callbacks of the configured backends."""

    ledgers: Ledgers
    endpoints: tuple[Endpoint, ...]

    @property
    def _clock(self) -> Clock:
        return self.ledgers.clock

    async def record_backend_status(
        self, backend: str, headers: Mapping[str, str], body: bytes
    ) -> StatusOutcome:
        """Verify one callback, mirror its status and tell the feed.

        Raises ``BadSignature`` (401; also for a backend that does not exist, so that names cannot
        be tried out), ``Malformed`` (400), ``NotFound`` (404) and ``NotForwarded`` (409).
        """
        vouched = self._verified(backend, headers, body)
        report = self._parsed(body)
        at = report.status_at or vouched.sent_at
        if at > self._clock.now() + _AHEAD:
            raise Malformed("status_at lies in the future")
        draft_id = await self.ledgers.store.read(lambda one: _draft_of(one, backend, report))
        once = _once(backend, vouched.message_id)

        def mirror(ledger: Ledger) -> StatusOutcome:
            if audit.about(ledger.connection, once, limit=1):
                return StatusOutcome.DUPLICATE
            outcome = _mirror(ledger, draft_id, backend, report, at)
            audit.write(
                ledger.connection,
                at=to_us(ledger.now),
                actor=ledger.actor,
                action="backend.status",
                subject=once,
                detail={"draft_id": draft_id, "status": report.status, "outcome": outcome.value},
            )
            return outcome

        return await self.ledgers.write(
            f"backend:{backend}", mirror, locks=(draft_lock(draft_id), once)
        )

    def _verified(self, backend: str, headers: Mapping[str, str], body: bytes) -> Vouched:
        keys = next((signing_keys(one) for one in self.endpoints if one.name == backend), ())
        return signing.verify(keys, headers, body, now=self._clock.now())

    @staticmethod
    def _parsed(body: bytes) -> StatusReport:
        try:
            report = msgspec.json.decode(body, type=StatusReport)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f"the status report is not as documented: {error}") from error
        if not (report.draft_id or report.external_id or report.receipt_no):
            raise Malformed("the status report names no case")
        return report


def _draft_of(connection: Connection, backend: str, report: StatusReport) -> str:
    """Return the draft a report is about; every name it gives must agree."""
    found: set[str] = set()
    if report.draft_id:
        found.add(drafts.get(connection, report.draft_id).draft.draft_id)
    if report.receipt_no:
        filed = drafts.by_receipt(connection, report.receipt_no)
        if filed is None:
            raise NotFound("there is no draft with this receipt number", "check the number")
        found.add(filed.draft.draft_id)
    if report.external_id:
        trail = audit.about(connection, case_subject(backend, report.external_id), limit=1)
        named = [str(one.detail["draft_id"]) for one in trail if one.action == "case.opened"]
        if not named and not found:
            raise NotFound("no draft was forwarded as this case", "check external_id")
        found.update(named)
    if len(found) != 1:
        raise Malformed("the status report names two different cases")
    return found.pop()


def _mirror(
    ledger: Ledger, draft_id: str, backend: str, report: StatusReport, at: datetime
) -> StatusOutcome:
    filed = drafts.get(ledger.connection, draft_id)
    refs = filed.draft.backend_refs or ()
    ours = next((ref for ref in refs if ref.backend == backend), None)
    if ours is None:
        raise NotForwarded(
            f"draft {draft_id} is not known as a case of {backend}",
            "acknowledge its draft.ready event first, then send the status again",
        )
    if ours.status_at is not None and at < ours.status_at:
        return StatusOutcome.STALE
    news: BackendRef = replace(ours, status=report.status, status_at=at)
    after = replace(filed.draft, backend_refs=tuple(news if ref is ours else ref for ref in refs))
    filed = ledger.revise(filed, after, seal_at=filed.filing.seal_at)
    told = {
        "backend": backend,
        "external_id": ours.external_id,
        "status": report.status,
        "status_at": at.isoformat(),
        "message": report.message,
    }
    ledger.tell(
        "backend.status_changed",
        filed.draft,
        data={name: value for name, value in told.items() if value is not None},
    )
    return StatusOutcome.APPLIED


def _once(backend: str, message_id: str) -> str:
    """Return the audit subject that marks a callback as handled."""
    digest = hashlib.sha256(f"{backend}\n{message_id}".encode()).hexdigest()
    return f"callback:{digest}"
