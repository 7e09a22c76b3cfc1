"""The inbox takes every event once, whatever the provider repeats, reorders or mixes up."""

import asyncio

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.domain.intake import CallEvent, CallMoment
from gateway.store import inbound
from gateway.store.arrivals import ASSEMBLE, sort_in
from gateway.store.engine import Store
from gateway.store.times import SECOND
from tests.integration.store.samples import (
    CONTACT,
    NOON,
    append,
    arrival,
    claim,
    how_many,
    message,
    new_id,
)


async def test_an_event_is_kept_whole_and_queued_for_assembly(store: Store) -> None:
    event = message("路灯\u0000不亮了 🚦", conversation="c1")
    item = arrival(event)

    result = await append(store, item)

    assert result.status == "accepted"
    kept = await store.read(lambda connection: inbound.load(connection, item.inbound_id))
    assert kept.event == event
    assert kept.received_at == NOON
    await store.write(sort_in)
    (queued,) = await claim(store, queue=ASSEMBLE)
    assert queued.subject == item.inbound_id
    assert queued.lane == "in:sms:main:c1"


async def test_the_raw_bytes_are_kept_as_they_came(store: Store) -> None:
    raw = bytes(range(256))
    await append(store, arrival(raw=raw))

    def stored(connection: Connection) -> bytes:
        return bytes(connection.exec_driver_sql("SELECT raw FROM inbound").scalar_one())

    assert await store.read(stored) == raw


async def test_a_redelivery_is_answered_with_the_first_result(store: Store) -> None:
    first = arrival()
    await append(store, first)
    draft_id = new_id()
    await store.write(lambda connection: inbound.belongs_to(connection, first.inbound_id, draft_id))

    again = await append(store, arrival(received_at=NOON + 86_400 * SECOND))

    assert again.status == "duplicate"
    assert (again.inbound_id, again.draft_id) == (first.inbound_id, draft_id)
    assert await how_many(store, "inbound") == await how_many(store, "arrival") == 1


async def test_the_same_id_with_other_content_is_another_flagged_message(store: Store) -> None:
    await append(store, arrival())
    other = arrival(message("完全不同"))

    result = await append(store, other)

    assert (result.status, result.flagged) == ("accepted", True)
    kept = await store.read(lambda connection: inbound.load(connection, other.inbound_id))
    assert kept.flagged
    assert (await append(store, arrival(message("完全不同")))).status == "duplicate"


async def test_the_same_key_with_other_content_is_a_conflict_where_keys_are_strict(
    store: Store,
) -> None:
    first = arrival(strict_key=True)
    await append(store, first)

    result = await append(store, arrival(message("完全不同"), strict_key=True))

    assert (result.status, result.inbound_id) == ("conflict", first.inbound_id)
    assert await how_many(store, "inbound") == 1


@pytest.mark.parametrize(
    "other",
    [
        arrival(message(contact="tel:+8613800000002")),
        arrival(account="second"),
        arrival(kind="wechat"),
        arrival(message(key="SM2")),
    ],
    ids=["another contact", "another account", "another channel", "another id"],
)
async def test_ids_are_only_unique_within_one_contact_of_one_account(
    store: Store, other: inbound.NewInbound
) -> None:
    await append(store, arrival())
    result = await append(store, replace(other, inbound_id=new_id()))
    assert (result.status, result.flagged) == ("accepted", False)


@pytest.mark.parametrize(
    ("later_s", "status"), [(0, "duplicate"), (60, "duplicate"), (61, "accepted")]
)
async def test_without_an_id_equal_content_is_a_redelivery_only_for_a_while(
    store: Store, later_s: int, status: str
) -> None:
    await append(store, arrival(message(key="")))
    result = await append(store, arrival(message(key=""), received_at=NOON + later_s * SECOND))
    assert (result.status, result.flagged) == (status, False)


async def test_a_moment_of_a_call_is_the_same_however_it_is_told(store: Store) -> None:
    def ended(cause: str) -> inbound.NewInbound:
        event = CallEvent(
            contact=CONTACT,
            entry="12345",
            dedupe_key="CA1:ended",
            conversation="CA1",
            moment=CallMoment.ENDED,
            cause=cause,
        )
        return arrival(event)  # type: ignore[arg-type]

    assert (await append(store, ended("completed"))).status == "accepted"
    assert (await append(store, ended("timeout"))).status == "duplicate"


async def test_of_twenty_simultaneous_redeliveries_one_is_accepted(stores: list[Store]) -> None:
    items = [arrival() for _ in range(20)]

    results = await asyncio.gather(
        *(append(stores[place % len(stores)], item) for place, item in enumerate(items))
    )

    accepted = [result for result in results if result.status == "accepted"]
    assert len(accepted) == 1
    assert {result.inbound_id for result in results} == {accepted[0].inbound_id}
    assert await how_many(stores[0], "inbound") == await how_many(stores[0], "arrival") == 1


async def test_one_redelivery_among_many_new_events_is_known_and_the_rest_is_stored(
    store: Store,
) -> None:
    first = arrival()
    await append(store, first)
    batch = [arrival(message(key=f"SM{n}")) for n in range(9)]  # SM1 is there already
    other = arrival(message("something else"))
    results = await store.write(
        lambda connection: inbound.append(connection, [*batch, other, batch[5]])
    )
    assert [one.status for one in results] == (
        ["accepted", "duplicate"] + ["accepted"] * 8 + ["duplicate"]
    )
    assert results[1].inbound_id == first.inbound_id
    assert [one.flagged for one in results] == [False] * 9 + [True, False]
    assert await how_many(store, "inbound") == await how_many(store, "arrival") == 10
    again = await append(store, arrival(message("something else")))
    assert (again.status, again.inbound_id) == ("duplicate", other.inbound_id)


async def test_redeliveries_that_race_without_a_lock_still_end_up_once(
    stores: list[Store],
) -> None:
    results = await asyncio.gather(
        *(stores[place % 4].write_batched(inbound.append, arrival()) for place in range(20))
    )
    assert sorted(result.status for result in results) == ["accepted"] + ["duplicate"] * 19
    assert await how_many(stores[0], "inbound") == 1


async def test_a_row_the_database_refuses_fails_alone(store: Store) -> None:
    good = [arrival(message(key=f"SM{n}")) for n in range(30)]
    bad = arrival(message(key="bad"), inbound_id=None)  # violates NOT NULL

    results = await asyncio.gather(
        *(append(store, item) for item in [*good[:15], bad, *good[15:]]), return_exceptions=True
    )

    assert isinstance(results.pop(15), DBAPIError)
    assert [result.status for result in results] == ["accepted"] * 30  # type: ignore[union-attr]
    assert await how_many(store, "inbound") == await how_many(store, "arrival") == 30


async def test_an_event_that_the_caller_assembles_itself_is_not_queued(store: Store) -> None:
    await append(store, arrival(queued=False))
    assert await how_many(store, "inbound") == 1
    assert await how_many(store, "arrival") == 0


async def test_the_first_event_of_an_id_is_found_again(store: Store) -> None:
    first = arrival()
    await append(store, first)
    await append(store, arrival(message("later"), received_at=NOON + SECOND))

    def find(connection: Connection, key: str) -> str | None:
        return inbound.find(connection, "sms", "main", CONTACT, key)

    assert await store.read(lambda connection: find(connection, "SM1")) == first.inbound_id
    assert await store.read(lambda connection: find(connection, "SM9")) is None
