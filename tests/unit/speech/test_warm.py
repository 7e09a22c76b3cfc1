"""Recognisers that heard speech serve the next utterance, until they heard enough."""

from itertools import count

from gateway.speech.endpointing import RATE
from gateway.speech.warm import WarmRecognisers


def recognisers() -> WarmRecognisers:
    """Recognisers that are numbers: the first is 1."""
    numbers = count(1)
    return WarmRecognisers(lambda: next(numbers))


def test_the_one_that_heard_last_is_taken_first() -> None:
    waiting = recognisers()
    first, second = waiting.take(), waiting.take()
    waiting.give_back(first)
    waiting.give_back(second)
    assert [waiting.take().recogniser for _ in range(3)] == [2, 1, 3]


def test_no_two_utterances_share_one() -> None:
    waiting = recognisers()
    assert waiting.take() is not waiting.take()


def test_one_that_heard_five_minutes_is_let_go() -> None:
    waiting = recognisers()
    tired = waiting.take()
    tired.heard = 300 * RATE
    waiting.give_back(tired)
    assert waiting.take().recogniser == 2


def test_only_a_few_wait() -> None:
    waiting = recognisers()
    for one in [waiting.take() for _ in range(9)]:
        waiting.give_back(one)
    assert [waiting.take().recogniser for _ in range(5)] == [9, 8, 7, 6, 10]
