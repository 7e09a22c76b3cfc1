"""A limit that may change while callers are inside."""

import asyncio
from contextlib import suppress

from gateway.delivery.slots import Slots


async def inside(slots: Slots, seen: list[int], number: int, end: asyncio.Event) -> None:
    async with slots:
        seen.append(number)
        await end.wait()


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_than_the_width_are_inside_and_all_get_in_in_order() -> None:
    slots, seen, end = Slots(lambda: 2), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(inside(slots, seen, number, end)) for number in range(5)]
    await turn()
    assert seen == [0, 1]
    end.set()
    await asyncio.gather(*tasks)
    assert seen == [0, 1, 2, 3, 4]


async def test_a_wider_window_lets_the_waiting_in_with_the_next_to_leave() -> None:
    width, seen = [1], list[int]()
    slots = Slots(lambda: width[0])
    first, rest = asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(inside(slots, seen, 0, first))]
    tasks += [asyncio.create_task(inside(slots, seen, number, rest)) for number in (1, 2, 3)]
    await turn()
    assert seen == [0]
    width[0] = 3
    first.set()
    await turn()
    assert seen == [0, 1, 2, 3]
    rest.set()
    await asyncio.gather(*tasks)


async def test_whoever_gives_up_waiting_leaves_no_slot_behind() -> None:
    slots, seen, end = Slots(lambda: 1), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(inside(slots, seen, number, end)) for number in range(3)]
    await turn()
    tasks[1].cancel()
    end.set()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
    assert seen == [0, 2]
    await inside(slots, seen, 3, end)
    assert seen == [0, 2, 3]
