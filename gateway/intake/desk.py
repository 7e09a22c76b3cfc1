"""What an operator does with a draft: claim, correct, confirm, reject, merge, split, answer."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from gateway.domain.draft import Links, Message, Operator, Rejection, WorkOrderDraft
from gateway.domain.errors import GatewayError
from gateway.domain.lifecycle import State
from gateway.intake.casebook import Casebook
from gateway.store import correspondence, drafts
from gateway.store.drafts import Filed
from gateway.store.errors import StaleRevision
from gateway.store.ledger import Ledger, Ledgers, draft_lock
from gateway.store.times import to_us


class BadPatch(GatewayError):
    """A correction that would not leave a valid draft."""


class Taken(GatewayError):
    """Somebody else has claimed the draft."""


class Closed(GatewayError):
    """A draft that has gone too far for what was asked."""


Part = dict[str, Any] | UnsetType | None


class Patch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parts of a draft a person may correct, as RFC 7396 says.

    A part that is absent stays as it is, ``null`` removes it, and inside a part the given fields
    replace the old ones.
    """

    reporter: Part = UNSET
    confidential: bool | UnsetType = UNSET
    public_consent: bool | UnsetType | None = UNSET
    follow_up_wanted: bool | UnsetType | None = UNSET
    request: Part = UNSET
    location: Part = UNSET
    priority: Part = UNSET
    routing: Part = UNSET
    deadline: Part = UNSET
    extra: Part = UNSET


_SPLITTABLE = frozenset({State.COLLECTING, State.QUEUED, State.CLAIMED})


_NO_HOME = frozenset({State.MERGED, State.REJECTED, State.EXPIRED})
"""States of a draft that no other can be merged into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Operators' actions, each one revision of one draft.

    ``seen`` is the revision the operator was looking at (None: whichever is current); an action
    on a draft that has moved on raises ``StaleRevision`` instead of overwriting what is new.
    """

    ledgers: Ledgers
    casebook: Casebook

    async def claim(self, draft_id: str, *, operator: str, seen: int | None) -> WorkOrderDraft:
        """Take a queued draft into one's own hands (认领); raises ``Taken``."""

        def claim(ledger: Ledger, filed: Filed) -> Filed:
            if filed.draft.state is State.CLAIMED:
                return _own(filed, operator)
            mine = Operator(id=operator, claimed_at=ledger.now)
            after = replace(filed.draft, state=State.CLAIMED, operator=mine)
            return ledger.revise(filed, after, seal_at=None)

        return await self._act(draft_id, operator, seen, claim)

    async def release(self, draft_id: str, *, operator: str, seen: int | None) -> WorkOrderDraft:
        """Put a claimed draft back into the queue."""

        def release(ledger: Ledger, filed: Filed) -> Filed:
            after = replace(filed.draft, state=State.QUEUED, operator=None)
            return ledger.revise(filed, after, seal_at=None)

        return await self._act(draft_id, operator, seen, release)

    async def correct(
        self, draft_id: str, patch: Patch, *, operator: str, seen: int | None
    ) -> WorkOrderDraft:
        """Change fields; raises ``BadPatch`` when the result would be invalid."""

        def correct(ledger: Ledger, filed: Filed) -> Filed:
            after = patched(filed.draft, patch)
            return ledger.revise(filed, after, seal_at=filed.filing.seal_at)

        return await self._act(draft_id, operator, seen, correct)

    async def confirm(self, draft_id: str, *, operator: str, seen: int | None) -> WorkOrderDraft:
        """Release a draft to the backends (转派); one that is under way to them stays as it is."""

        def confirm(ledger: Ledger, filed: Filed) -> Filed:
            if filed.draft.state is State.FORWARDING:
                return filed
            return self.casebook.make_ready(ledger, filed)

        return await self._act(draft_id, operator, seen, confirm)

    async def reject(
        self, draft_id: str, rejection: Rejection, *, operator: str, seen: int | None
    ) -> WorkOrderDraft:
        """Decline a case with one of the reasons (不予受理)."""

        def reject(ledger: Ledger, filed: Filed) -> Filed:
            after = replace(filed.draft, state=State.REJECTED, rejection=rejection)
            return ledger.revise(filed, after, seal_at=None)

        return await self._act(draft_id, operator, seen, reject)

    async def merge(
        self, draft_id: str, into: str, *, operator: str, seen: int | None
    ) -> WorkOrderDraft:
        """Close a draft as part of another; its messages stay with it and are linked.

        Raises ``BadPatch`` when the other one is itself merged, rejected or expired.
        """
        if into == draft_id:
            raise BadPatch("a draft cannot be merged into itself", "name the other draft")

        def merge(ledger: Ledger, filed: Filed) -> Filed:
            target = drafts.get(ledger.connection, into).draft
            if target.state in _NO_HOME:
                raise BadPatch(
                    f"draft {into} is {target.state} and can take nothing in", "name an open draft"
                )
            links = replace(filed.draft.links or Links(), merged_into=into)
            after = replace(filed.draft, state=State.MERGED, links=links)
            return ledger.revise(filed, after, seal_at=None)

        return await self._act(draft_id, operator, seen, merge, also=(draft_lock(into),))

    async def split(
        self, draft_id: str, messages: Collection[str], *, operator: str, seen: int | None
    ) -> tuple[WorkOrderDraft, WorkOrderDraft]:
        """Move messages (by id) into a new, queued draft; return what stays, and the new one.

        Raises ``CannotSplit``, and ``Closed`` once the draft is confirmed or has ended.
        """
        parts: list[WorkOrderDraft] = []

        def split(ledger: Ledger, filed: Filed) -> Filed:
            if filed.draft.state not in _SPLITTABLE:
                raise Closed(
                    f"a draft that is {filed.draft.state} cannot be split",
                    "split a draft before it is confirmed",
                )
            left, new = self.casebook.split_off(ledger, filed, messages)
            parts[:] = [new.draft]
            return left

        rest = await self._act(draft_id, operator, seen, split)
        return rest, parts[0]

    async def reply(
        self, draft_id: str, text: str, *, operator: str, seen: int | None, closes: bool = False
    ) -> WorkOrderDraft:
        """Answer the citizen on the way they came; ``closes`` ends the case as answered."""

        def answer(ledger: Ledger, filed: Filed) -> Filed:
            reply_id = ledger.new_id()
            message = Message(
                id=reply_id, at=ledger.now, direction="out", text=text, delivery="queued"
            )
            state = State.ANSWERED if closes else filed.draft.state
            after = replace(
                filed.draft, messages=(*(filed.draft.messages or ()), message), state=state
            )
            kept = None if closes else filed.filing.seal_at
            filed = ledger.revise(filed, after, seal_at=kept)
            filing = filed.filing
            correspondence.plan(
                ledger.connection,
                reply_id=reply_id,
                draft_id=draft_id,
                purpose=f"r{reply_id[-12:]}",
                lane=f"reply:{filing.kind}:{filing.account}:{filing.contact}",
                payload={"text": text},
                now=to_us(ledger.now),
            )
            return filed

        return await self._act(draft_id, operator, seen, answer)

    async def _act(
        self,
        draft_id: str,
        operator: str,
        seen: int | None,
        action: Callable[[Ledger, Filed], Filed],
        also: tuple[str, ...] = (),
    ) -> WorkOrderDraft:
        def act(ledger: Ledger) -> WorkOrderDraft:
            filed = drafts.get(ledger.connection, draft_id)
            if seen is not None and filed.draft.revision != seen:
                raise StaleRevision(draft_id, seen, filed.draft.revision)
            return action(ledger, filed).draft

        return await self.ledgers.write(
            f"operator:{operator}", act, locks=(draft_lock(draft_id), *also)
        )


def patched(draft: WorkOrderDraft, patch: Patch) -> WorkOrderDraft:
    """Return the corrected draft; what a person writes is marked as theirs."""
    given = {
        name: value for name, value in msgspec.structs.asdict(patch).items() if value is not UNSET
    }
    document = _merged(msgspec.to_builtins(draft), given)
    if isinstance(patch.request, dict) and {"content", "title"} & patch.request.keys():
        before = draft.request.content_source
        document["request"]["content_source"] = "operator" if before is None else "mixed"
    try:
        after = msgspec.convert(document, WorkOrderDraft)
    except msgspec.ValidationError as error:
        raise BadPatch(f"the corrected draft is invalid: {error}", "mend that field") from error
    unknown = _lost(document, msgspec.to_builtins(after))
    if unknown:
        raise BadPatch(f"a draft has no field {unknown}", "compare it with the draft's schema")
    return after


def _own(filed: Filed, operator: str) -> Filed:
    holder = filed.draft.operator
    if holder is not None and holder.id != operator:
        raise Taken("somebody else has claimed this draft", "ask them to release it")
    return filed


def _lost(given: object, kept: object, path: str = "") -> str:
    """Return the dotted name of the first field that was given and not kept, or ""."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            here = f"{path}.{name}" if path else str(name)
            if name not in kept and value is not None:
                return here
            if found := _lost(value, kept.get(name), here):
                return found
    if isinstance(given, list | tuple) and isinstance(kept, list | tuple):
        for place, (one, other) in enumerate(zip(given, kept, strict=False)):
            if found := _lost(one, other, f"{path}[{place}]"):
                return found
    return ""


def _merged(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Merge as RFC 7396 says: null removes a field, objects merge, everything else replaces."""
    after = dict(before)
    for name, value in given.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, dict):
            old = after.get(name)
            after[name] = _merged(old if isinstance(old, dict) else {}, value)
        else:
            after[name] = value
    return after
