"""A crew whose width may change while it is at work."""

import asyncio

import pytest

from gateway.delivery.crew import Crew


class Shop:
    """Pieces that are under way until the test ends them."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.begun: list[int] = []
        self.rested = 0
        self._ends: dict[int, asyncio.Event] = {}
        self.crew = Crew(self._do, width=lambda: self.width, rest=self._rest)

    async def _do(self, number: int) -> None:
        self.begun.append(number)
        end = self._ends[number] = asyncio.Event()
        await end.wait()

    def _rest(self) -> None:
        self.rested += 1

    async def end(self, *numbers: int) -> None:
        """End these pieces and let everybody take a turn."""
        for number in numbers:
            self._ends[number].set()
        for _ in range(5):
            await asyncio.sleep(0)


async def test_no_more_than_the_width_are_under_way_and_all_are_done_in_order() -> None:
    shop = Shop(2)
    shop.crew.add(range(5))
    await shop.end()
    assert shop.begun == [0, 1]
    await shop.end(0)
    assert shop.begun == [0, 1, 2]
    await shop.end(1, 2)
    assert shop.begun == [0, 1, 2, 3, 4]


async def test_a_wider_width_counts_as_soon_as_a_piece_is_done() -> None:
    shop = Shop(1)
    shop.crew.add(range(4))
    await shop.end()
    shop.width = 3
    await shop.end(0)
    assert shop.begun == [0, 1, 2, 3]


async def test_a_narrower_width_is_kept_once_enough_pieces_are_done() -> None:
    shop = Shop(3)
    shop.crew.add(range(6))
    await shop.end()
    shop.width = 1
    await shop.end(0, 1)
    assert shop.begun == [0, 1, 2]
    await shop.end(2)
    assert shop.begun == [0, 1, 2, 3]


async def test_it_rests_when_all_is_done_and_takes_up_work_again() -> None:
    shop = Shop(2)
    shop.crew.add([1, 2])
    await shop.end()
    await shop.end(1)
    assert shop.rested == 0
    await shop.end(2)
    assert shop.rested == 1
    shop.crew.add([3])
    await shop.end()
    assert shop.begun == [1, 2, 3]


@pytest.mark.parametrize("under_way", [0, 2])
async def test_a_crew_that_is_dismissed_lets_everything_fall(under_way: int) -> None:
    shop = Shop(2)
    shop.crew.add(range(under_way * 2))
    await shop.end()
    await shop.crew.dismiss()
    assert shop.begun == list(range(under_way))
