"""A serving process collects seldom, and not among what was built at the start."""

import gc
from collections.abc import Iterator

import pytest

from gateway.cli._garbage import collect_rarely


@pytest.fixture
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("as_before")
def test_what_was_built_is_out_of_sight_and_the_collector_works() -> None:
    gc.disable()
    built = [[number] for number in range(100)]
    collect_rarely()
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(built)
    assert gc.get_threshold()[0] > 700
