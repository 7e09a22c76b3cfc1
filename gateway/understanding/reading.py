"""Reads a draft and fills in what it may: only fields that are empty, never a person's own words.

Every value stays visible as a suggestion with its evidence, whether it was filled in or not.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from gateway.domain.draft import Coded, Evidence, Request, Suggestion, WorkOrderDraft
from gateway.understanding import phones, places, request_type, title
from gateway.understanding.passages import Passage, passages_of
from gateway.understanding.places import Places

ENTRY_RULE = "rule:entry-1"
CONFIGURED = 0.7

_RULES = frozenset({title.RULE, request_type.RULE, phones.RULE, places.RULE, ENTRY_RULE})


class EntryRule(Protocol):
    """What the site says of one number or mailbox that was merged into the hotline."""

    @property
    def source(self) -> str:
        """The hotline it used to belong to."""
        ...

    @property
    def category(self) -> str | None:
        """The category its contacts usually have."""
        ...


def found_in(
    passages: Sequence[Passage],
    *,
    region: str = "CN",
    known: frozenset[str] = frozenset(),
    city: Places | None = None,
) -> tuple[Suggestion, ...]:
    """Return what the words alone say; telephone numbers among ``known`` (E.164) are left out.

    ``city`` holds the places that may be meant.
    """
    found = [title.from_words(passages), request_type.suggestion(passages)]
    return (
        *(one for one in found if one is not None),
        *phones.suggestions(passages, region=region, known=known),
        *(places.suggestions(passages, city) if city else ()),
    )


def suggestions(
    draft: WorkOrderDraft,
    entries: Mapping[str, EntryRule],
    *,
    region: str = "CN",
    city: Places | None = None,
) -> tuple[Suggestion, ...]:
    """Return everything that can be proposed for a draft.

    ``entries`` are the merged numbers by number; ``region`` is the country (ISO 3166-1 alpha-2)
    whose numbers are written without a country code; ``city`` holds the places that may be meant.
    """
    numbers = (draft.reporter.phone, draft.reporter.callback_phone)
    found = found_in(
        passages_of(draft),
        region=region,
        known=frozenset(one for one in numbers if one),
        city=city,
    )
    if not any(one.field == "request.title" for one in found):
        found = (title.without_words(draft), *found)
    category = _category(draft, entries)
    return found if category is None else (*found, category)


def apply(draft: WorkOrderDraft, found: Sequence[Suggestion]) -> WorkOrderDraft:
    """Return the draft with these suggestions, and its empty fields filled where that is allowed.

    What was read earlier gives way to what is read now, except suggestions a person has decided
    on: they stay, and a value that was decided on is not proposed again. Only the title, the
    request type (when stated) and the category are ever filled, and nothing in a draft whose
    content an operator wrote.
    """
    now = {(one.by, one.field) for one in found}
    kept = [
        one
        for one in draft.suggestions or ()
        if one.accepted is not None or (one.by not in _RULES and (one.by, one.field) not in now)
    ]
    decided = [(one.field, one.value) for one in kept if one.accepted is not None]
    new = [one for one in found if (one.field, one.value) not in decided]
    request = draft.request
    if request.content_source != "operator":
        request = _filled(request, new)
    return replace(draft, request=request, suggestions=(*kept, *new) or None)


def understand(
    draft: WorkOrderDraft,
    entries: Mapping[str, EntryRule],
    *,
    region: str = "CN",
    city: Places | None = None,
) -> WorkOrderDraft:
    """Read a draft and return it with suggestions; doing so again changes nothing."""
    return apply(draft, suggestions(draft, entries, region=region, city=city))


def _filled(request: Request, found: Sequence[Suggestion]) -> Request:
    for one in found:
        match one.field:
            case "request.title" if not request.title:
                request = replace(request, title=one.value)
            case "request.type" if request.type == "unclassified" and one.status == "stated":
                request = replace(request, type=one.value)
            case "request.category" if request.category is None:
                request = replace(request, category=msgspec.convert(one.value, Coded))
            case _:
                continue
    return request


def _category(draft: WorkOrderDraft, entries: Mapping[str, EntryRule]) -> Suggestion | None:
    dialled = draft.channel_detail and draft.channel_detail.dialled_number
    entry = entries.get(dialled) if dialled else None
    if entry is None or entry.category is None:
        return None
    value: dict[str, Any] = {"scheme": "entry", "code": entry.category, "name": entry.category}
    return Suggestion(
        field="request.category",
        value=value,
        confidence=CONFIGURED,
        by=ENTRY_RULE,
        status="derived",
        evidence=(Evidence(text=str(dialled)),),
    )
