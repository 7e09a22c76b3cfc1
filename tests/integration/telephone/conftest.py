"""Telephones ring in real time: nothing of the tests before them may stop the clock."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _nothing_old_is_searched_for_garbage() -> Iterator[None]:
    """Keep what lives now out of the collector's sight, as ``hotline serve`` does.

    Thousands of tests leave a heap behind that takes the collector most of a second to go through,
    and callers hear that as a gap.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
