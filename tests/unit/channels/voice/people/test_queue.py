"""Waiting in a row, and who can be rung: plain arithmetic that nobody may be lost in."""

from hypothesis import given
from hypothesis import strategies as st

from channels.voice.people.group import People
from channels.voice.people.queue import Queue
from tests.contract.kit.fakes import FakeClock
from tests.unit.channels.voice.fakes import ring


def test_who_comes_first_is_served_first() -> None:
    queue = Queue()
    first, second, third = (queue.join(10) for _ in range(3))
    assert first
    assert second
    assert third
    assert [first.ahead, second.ahead, third.ahead] == [0, 1, 2]
    first.leave()
    assert [second.ahead, third.ahead] == [0, 1]
    second.leave()
    second.leave()
    assert third.ahead == 0


def test_a_caller_for_whom_somebody_is_rung_is_in_nobodys_way() -> None:
    queue = Queue()
    first, second = queue.join(10), queue.join(10)
    assert first
    assert second
    first.ringing = True
    assert second.ahead == 0
    first.ringing = False
    assert second.ahead == 1


def test_a_full_queue_takes_nobody() -> None:
    queue = Queue()
    assert queue.join(1)
    assert queue.join(1) is None
    assert queue.join(0) is None
    assert len(queue) == 1


def test_the_estimate_follows_what_conversations_really_take() -> None:
    queue = Queue()
    before = queue.estimate_s(0, 1)
    for _ in range(30):
        queue.served(60)
    assert 60 <= queue.estimate_s(0, 1) < 62 < before
    assert queue.estimate_s(3, 1) == 4 * queue.estimate_s(0, 1)
    assert queue.estimate_s(3, 2) == queue.estimate_s(3, 1) / 2
    assert queue.estimate_s(0, 0) == queue.estimate_s(0, 1)


@given(st.lists(st.integers(0, 5), max_size=40))
def test_no_order_of_coming_and_going_breaks_the_row(doing: list[int]) -> None:
    queue = Queue()
    here = []
    for what in doing:
        if what < 3 and (place := queue.join(4)):
            here.append(place)
        elif what >= 3 and here:
            here.pop(what % len(here)).leave()
        assert [place.ahead for place in here] == list(range(len(here)))
        assert len(queue) == len(here) <= 4


def test_a_busy_address_is_not_rung_for_callers_who_wait() -> None:
    everybody = People({"operators": ring("a", "b")}, FakeClock())
    target = everybody.target("operators")
    assert target is not None
    everybody.take(["a"])
    assert everybody.free(target, queued=True) == ["b"]
    assert set(everybody.free(target, queued=False)) == {"a", "b"}, "a line of 110 takes many"
    everybody.release(["a"])
    assert set(everybody.free(target, queued=True)) == {"a", "b"}
    assert everybody.engaged == 0


def test_an_address_takes_as_many_calls_as_its_settings_say() -> None:
    everybody = People({"operators": ring("a", calls_each=2)}, FakeClock())
    target = everybody.target("operators")
    assert target is not None
    everybody.take(["a"])
    assert everybody.free(target, queued=True) == ["a"]
    everybody.take(["a"])
    assert everybody.free(target, queued=True) == []
    assert everybody.free(target, queued=False) == []


def test_who_has_been_free_for_longest_comes_first() -> None:
    clock = FakeClock()
    everybody = People({"operators": ring("a", "b", "c")}, clock)
    target = everybody.target("operators")
    assert target is not None
    for name in "acb":
        clock.advance(1)
        everybody.take([name])
        everybody.release([name])
    assert everybody.free(target, queued=True) == ["a", "c", "b"]


def test_who_did_not_answer_is_left_alone_for_a_moment() -> None:
    clock = FakeClock()
    everybody = People({"operators": ring("a", "b")}, clock)
    target = everybody.target("operators")
    assert target is not None
    everybody.rest(["a"])
    assert everybody.free(target, queued=True) == ["b"]
    assert set(everybody.free(target, queued=False)) == {"a", "b"}
    clock.advance(31)
    assert set(everybody.free(target, queued=True)) == {"a", "b"}


def test_an_unknown_target_is_nobody() -> None:
    assert People({}, FakeClock()).target("operators") is None
