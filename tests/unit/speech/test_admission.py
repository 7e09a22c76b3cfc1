"""Under load provisional texts go first, then texts; and nothing comes back before it is calm."""

import pytest

from gateway.speech.admission import Admission, Room


class Watched:
    """A clock that the test turns, and everything that was told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []
        self.told: list[str | None] = []

    def __call__(self) -> float:
        return self.now

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)

    def note(self, name: str, *, room: str | None = None) -> None:
        assert name == "speech.room"
        self.told.append(room)


@pytest.fixture
def time() -> Watched:
    return Watched()


@pytest.fixture
def admission(time: Watched) -> Admission:
    return Admission(watch=time, clock=time)


def busy(admission: Admission, time: Watched, seconds: float) -> None:
    """Let one piece of work wait for so long."""
    ticket = admission.wait()
    time.now += seconds
    admission.begin(ticket)


def test_there_is_room_for_everything_while_decoders_keep_up(
    admission: Admission, time: Watched
) -> None:
    for _ in range(50):
        busy(admission, time, 1.9)
    assert admission.room is Room.EVERYTHING
    assert time.waits == pytest.approx([1.9] * 50)


def test_a_wait_over_two_seconds_costs_the_provisional_texts(
    admission: Admission, time: Watched
) -> None:
    busy(admission, time, 2.1)
    assert admission.room is Room.TEXTS
    assert time.told == ["texts"]


def test_work_that_still_waits_counts_as_well(admission: Admission, time: Watched) -> None:
    admission.wait()
    time.now += 2.1
    assert admission.room is Room.TEXTS


def test_texts_follow_only_when_that_did_not_help(admission: Admission, time: Watched) -> None:
    rooms = []
    for seconds in (2.1, 2.1, 2.1, 60):
        busy(admission, time, seconds)
        rooms.append(admission.room)
    assert rooms == [Room.TEXTS, Room.TEXTS, Room.RECORDING_ONLY, Room.RECORDING_ONLY]


def test_each_step_comes_back_after_five_calm_seconds(admission: Admission, time: Watched) -> None:
    for _ in range(3):
        busy(admission, time, 2.1)
    rooms = []
    for _ in range(14):
        rooms.append(admission.room)
        time.now += 1
    assert rooms == [
        *[Room.RECORDING_ONLY] * 5,
        *[Room.TEXTS] * 5,
        *[Room.EVERYTHING] * 4,
    ]


def test_a_moderate_wait_is_not_calm(admission: Admission, time: Watched) -> None:
    busy(admission, time, 2.1)
    for _ in range(20):
        busy(admission, time, 1.0)
    assert admission.room is Room.TEXTS


def test_work_that_is_not_wanted_any_more_does_not_wait(
    admission: Admission, time: Watched
) -> None:
    ticket = admission.wait()
    admission.leave(ticket)
    time.now += 60
    assert admission.room is Room.EVERYTHING
    admission.begin(ticket)
    assert time.waits == []
