"""One flow on every transport gives the same draft, or says openly what a transport cannot do."""

import asyncio
from typing import get_args

import pytest

from tests.integration.telephone.hotline import Evening, expected, replaced, spent
from tests.integration.telephone.stories import STORIES, Wiring

WIRINGS: tuple[Wiring, ...] = get_args(Wiring)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    """All calls of this page, held side by side through one gateway."""
    with replaced():
        return asyncio.run(spent(tmp_path_factory.mktemp("evening"), WIRINGS, tuple(STORIES)))


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("wiring", WIRINGS)
def test_the_draft_is_the_same_on_every_transport(
    evening: Evening, wiring: Wiring, name: str
) -> None:
    if (error := evening.failed.get((wiring, name))) is not None:
        raise error
    assert evening.views[wiring, name] == expected(wiring, name)


def test_every_call_gives_one_draft(evening: Evening) -> None:
    # One more: the earlier case that somebody asks for.
    assert evening.drafts == len(WIRINGS) * len(STORIES) + 1


def test_nothing_is_left_in_asterisk(evening: Evening) -> None:
    assert evening.left == []
