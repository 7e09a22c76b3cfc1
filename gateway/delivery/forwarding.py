"""What a delivery means for the draft itself: forwarded once every backend has its case."""

import hashlib

from msgspec.structs import replace

from gateway.delivery.answer import OpenedCase
from gateway.domain.draft import BackendRef
from gateway.domain.lifecycle import State
from gateway.store import audit, drafts
from gateway.store.ledger import Ledger
from gateway.store.times import to_us

FORWARD_EVENT = "draft.ready"
"""The event whose acknowledgement by a forwarding endpoint means: the backend has the case."""

_SUBJECT_LIMIT = 80


def acknowledged(
    ledger: Ledger, draft_id: str, *, backend: str, case: OpenedCase, forwarding: frozenset[str]
) -> None:
    """Note the case a backend has opened; with the last of ``forwarding``, the draft is forwarded.

    A backend that acknowledges again (a replay) changes nothing. A dead letter that is delivered
    after all forwards a draft that had gone back to ready. The draft's lock is held.
    """
    filed = drafts.get(ledger.connection, draft_id)
    draft = filed.draft
    refs = draft.backend_refs or ()
    if all(ref.backend != backend for ref in refs):
        ref = BackendRef(backend=backend, external_id=case.external_id, external_url=case.url)
        refs = (*refs, ref)
        audit.write(
            ledger.connection,
            at=to_us(ledger.now),
            actor=ledger.actor,
            action="case.opened",
            subject=case_subject(backend, case.external_id),
            detail={"draft_id": draft_id},
        )
    state = draft.state
    if state in {State.READY, State.FORWARDING} and forwarding <= {ref.backend for ref in refs}:
        if state is State.READY:
            filed = ledger.revise(filed, replace(draft, state=State.FORWARDING))
        state = State.FORWARDED
    ledger.revise(
        filed,
        replace(filed.draft, backend_refs=refs or None, state=state),
        seal_at=filed.filing.seal_at,
    )


def failed(ledger: Ledger, draft_id: str, *, backend: str, reason: str) -> bool:
    """Give a draft that a backend will not take back to the operators; tell whether it was.

    A backend that has acknowledged the case before refuses only a repetition. The draft's lock is
    held.
    """
    filed = drafts.get(ledger.connection, draft_id)
    draft = filed.draft
    known = any(ref.backend == backend for ref in draft.backend_refs or ())
    if known or draft.state is not State.FORWARDING:
        return False
    ledger.revise(filed, replace(draft, state=State.READY))
    audit.write(
        ledger.connection,
        at=to_us(ledger.now),
        actor=ledger.actor,
        action="draft.forward_failed",
        subject=draft_id,
        detail={"backend": backend, "reason": reason},
    )
    return True


def case_subject(backend: str, external_id: str) -> str:
    """Return the audit subject under which a backend's case is found again."""
    subject = f"{backend}#{external_id}"
    if len(subject) <= _SUBJECT_LIMIT:
        return subject
    return hashlib.sha256(subject.encode()).hexdigest()
