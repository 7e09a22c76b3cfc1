"""Drafts keep every revision, and two people never overwrite each other."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from gateway.domain.draft import Request
from gateway.domain.lifecycle import State
from gateway.store import drafts
from gateway.store.drafts import Filed
from gateway.store.engine import Store
from gateway.store.errors import NotFound, RevisionConflict
from gateway.store.times import SECOND, to_us
from tests.integration.store.samples import CONTACT, NOON, draft, filing, how_many, new_id


async def created(store: Store, **changes: object) -> Filed:
    one = Filed(draft=draft(**changes), filing=filing())
    await store.write(
        lambda connection: drafts.create(connection, one.draft, one.filing, actor="gateway")
    )
    return one


async def revise(store: Store, filed: Filed, *, title: str, actor: str = "op-1") -> None:
    after = msgspec.structs.replace(
        filed.draft,
        revision=filed.draft.revision + 1,
        request=Request(type="unclassified", title=title, content="路灯不亮了"),
    )
    await store.write(
        lambda connection: drafts.revise(
            connection, after, actor=actor, changed=["request.title"], seal_at=None
        )
    )


async def get(store: Store, draft_id: str) -> Filed:
    return await store.read(lambda connection: drafts.get(connection, draft_id))


async def test_a_draft_comes_back_as_it_was_stored(store: Store) -> None:
    one = await created(store)
    assert await get(store, one.draft.draft_id) == one
    by_number = await store.read(
        lambda connection: drafts.by_receipt(connection, one.draft.receipt_no)
    )
    assert by_number == one


async def test_a_draft_that_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no draft"):
        await get(store, new_id())
    assert await store.read(lambda connection: drafts.by_receipt(connection, "1")) is None


async def test_each_change_is_a_revision_and_history_tells_who_made_it(store: Store) -> None:
    one = await created(store)
    await revise(store, one, title="路灯坏了")

    current = await get(store, one.draft.draft_id)
    assert (current.draft.revision, current.draft.request.title) == (2, "路灯坏了")
    assert current.filing == replace(one.filing, seal_at=None)
    history = await store.read(lambda connection: drafts.history(connection, one.draft.draft_id))
    assert [(entry.revision, entry.actor, entry.changed) for entry in history] == [
        (1, "gateway", ("*",)),
        (2, "op-1", ("request.title",)),
    ]


async def test_a_change_to_an_old_revision_is_refused_and_changes_nothing(store: Store) -> None:
    one = await created(store)
    await revise(store, one, title="first")
    with pytest.raises(RevisionConflict):
        await revise(store, one, title="second")
    assert (await get(store, one.draft.draft_id)).draft.request.title == "first"
    assert await how_many(store, "draft_revision") == 2


async def test_of_many_changes_to_one_revision_one_wins(stores: list[Store]) -> None:
    one = await created(stores[0])
    results = await asyncio.gather(
        *(revise(store, one, title=f"t{n}") for n, store in enumerate(stores)),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == [
        "NoneType",
        *["RevisionConflict"] * 3,
    ]


async def test_two_drafts_never_share_a_receipt_number(store: Store) -> None:
    one = await created(store)
    with pytest.raises(Exception, match="receipt_no"):
        await created(store, receipt_no=one.draft.receipt_no)
    assert await how_many(store, "draft") == await how_many(store, "draft_revision") == 1


async def test_counting_never_gives_a_number_twice(stores: list[Store]) -> None:
    numbers = await asyncio.gather(
        *(
            stores[n % 4].write(lambda connection: drafts.next_count(connection, "receipt:261121"))
            for n in range(20)
        )
    )
    assert sorted(numbers) == list(range(1, 21))


async def test_the_newest_draft_of_a_contact_and_of_a_conversation_is_found(store: Store) -> None:
    older = draft()
    newer = draft()
    for one, conversation in ((older, "c1"), (newer, None)):
        how = filing(conversation=conversation)
        await store.write(
            lambda c, one=one, how=how: drafts.create(c, one, how, actor="gateway")  # type: ignore[misc]
        )

    found = await store.read(lambda c: drafts.latest_of_contact(c, "sms", "main", CONTACT, "12345"))
    assert found is not None
    assert found.draft == newer
    named = await store.read(lambda c: drafts.by_conversation(c, "sms", "main", "c1"))
    assert named is not None
    assert named.draft == older
    elsewhere = await store.read(
        lambda c: drafts.latest_of_contact(c, "sms", "main", CONTACT, "12319")
    )
    assert elsewhere is None


async def test_drafts_are_due_for_sealing_when_their_moment_has_come(store: Store) -> None:
    one = await created(store)

    async def due(now: int) -> list[str]:
        return await store.read(lambda connection: drafts.due_for_sealing(connection, now))

    assert await due(NOON - 1) == []
    assert await due(NOON + SECOND) == [one.draft.draft_id]
    await revise(store, one, title="sealed")
    assert await due(NOON + SECOND) == []


async def test_drafts_are_listed_newest_first_by_state_and_page_by_page(store: Store) -> None:
    ones = [await created(store) for _ in range(3)]
    queued = await created(store, state=State.QUEUED)

    async def ids(**chosen: object) -> list[str]:
        found = await store.read(lambda c: drafts.listing(c, **chosen))  # type: ignore[arg-type]
        return [one.draft_id for one in found]

    newest_first = [queued.draft.draft_id, *(one.draft.draft_id for one in reversed(ones))]
    assert await ids() == newest_first
    assert await ids(limit=2) == newest_first[:2]
    assert await ids(before=newest_first[1]) == newest_first[2:]
    assert await ids(states=[State.QUEUED]) == newest_first[:1]
    assert await ids(contact="tel:+1") == []
    counts = await store.read(drafts.count_by_state)
    assert counts == {"collecting": 3, "queued": 1}


async def test_times_survive_to_the_microsecond(store: Store) -> None:
    one = await created(store)
    history = await store.read(lambda connection: drafts.history(connection, one.draft.draft_id))
    assert history[0].at == to_us(one.draft.received_at)
