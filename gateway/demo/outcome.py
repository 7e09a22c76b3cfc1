"""What became of every contact: its drafts, its case at the backend, and what is missing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.demo.cases import Case, Cases
from gateway.demo.citizens import Contact
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.lifecycle import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One contact and what came of it.

    ``told`` is whether the citizen was sent an acknowledgement, None where none is due. ``refusal``
    says why the gateway did not take the contact.
    """

    contact: Contact
    drafts: tuple[WorkOrderDraft, ...]
    case: Case | None
    told: bool | None
    refusal: str | None = None

    @property
    def delivered(self) -> bool:
        """The draft is with the backend and the gateway knows that it is."""
        return (
            len(self.drafts) == 1
            and self.drafts[0].state is State.FORWARDED
            and self.case is not None
            and self.case.opened() is not None
        )

    @property
    def whole(self) -> bool:
        """Nothing is left to wait for."""
        return self.delivered and self.told is not False

    def missing(self) -> Iterator[str]:
        """Say what is not as it must be."""
        who = f"{self.contact.channel}: {self.contact.what}"
        if self.refusal:
            yield f"{who}: {self.refusal}"
        if not self.drafts:
            yield f"{who}: no draft"
        elif len(self.drafts) > 1:
            numbers = ", ".join(draft.receipt_no for draft in self.drafts)
            yield f"{who}: {len(self.drafts)} drafts instead of one ({numbers})"
        elif not self.delivered:
            (draft,) = self.drafts
            yield f"{who}: draft {draft.receipt_no} is not delivered, it is {draft.state.value}"
        if self.told is False:
            yield f"{who}: the citizen was sent no acknowledgement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The whole demonstration."""

    outcomes: tuple[Outcome, ...]
    strays: tuple[WorkOrderDraft, ...]
    """Drafts that belong to nobody who got in touch."""
    refused: int
    """Deliveries whose signature did not hold."""
    repeated: int
    """Deliveries the backend had taken before; it dropped them."""
    waiting: int
    """Deliveries that are still to be made."""
    unheard: str | None
    """Why nothing that was said could be written down; None when it could."""

    @property
    def lost(self) -> int:
        """Contacts that are not with the backend."""
        return sum(one.case is None or one.case.number is None for one in self.outcomes)

    @property
    def duplicates(self) -> int:
        """Drafts beyond the one of each contact."""
        return len(self.strays) + sum(max(0, len(one.drafts) - 1) for one in self.outcomes)

    def missing(self) -> list[str]:
        """Return everything that is not as it must be; empty when the demonstration went well."""
        found = [line for one in self.outcomes for line in one.missing()]
        if self.strays:
            found.append(f"{len(self.strays)} drafts belong to nobody who got in touch")
        if self.refused:
            found.append(f"{self.refused} deliveries had a signature that does not hold")
        if self.waiting:
            found.append(f"{self.waiting} deliveries are still to be made")
        return found


def belongs(draft: WorkOrderDraft, contact: Contact) -> bool:
    """Tell whether a draft comes from this citizen, on this account."""
    reporter, detail = draft.reporter, draft.channel_detail
    known = {reporter.phone, reporter.email, *(reporter.account_ids or {}).values()}
    return (
        draft.channel == contact.channel
        and (detail is None or detail.account == contact.account)
        and contact.sender in known
    )


def sorted_out(
    contacts: Sequence[Contact], drafts: Sequence[WorkOrderDraft]
) -> tuple[dict[str, tuple[WorkOrderDraft, ...]], tuple[WorkOrderDraft, ...]]:
    """Return the drafts of each contact by its sender, and those of none."""
    of = {
        contact.sender: tuple(draft for draft in drafts if belongs(draft, contact))
        for contact in contacts
    }
    claimed = {draft.draft_id for found in of.values() for draft in found}
    return of, tuple(draft for draft in drafts if draft.draft_id not in claimed)


def case_of(drafts: Sequence[WorkOrderDraft], cases: Cases) -> Case | None:
    """Return the case of the first of these drafts that has one."""
    return next((case for one in drafts if (case := cases.of_draft(one.draft_id))), None)
