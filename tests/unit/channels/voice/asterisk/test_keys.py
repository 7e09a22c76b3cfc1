"""Each press is told once, however many tell it."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from channels.voice.asterisk.keys import MOST_KEYS, Keys
from channels.voice.asterisk.messages import Channel, ChannelDtmfReceived

pressed = st.lists(st.sampled_from("0123456789*#"), max_size=30)


def told(keys: Keys, news: Sequence[tuple[str, str, float]]) -> str:
    return "".join(key for source, key, at in news if keys.pressed(source, key, at))


@given(pressed, st.randoms(use_true_random=False))
def test_two_sources_in_any_interleaving_tell_each_press_once(
    keys: list[str], random: object
) -> None:
    shuffled = random.random  # type: ignore[attr-defined]
    queues = {source: [(source, key, float(n)) for n, key in enumerate(keys)] for source in "ab"}
    news = []
    while any(queues.values()):
        source = "a" if not queues["b"] or (queues["a"] and shuffled() < 0.5) else "b"
        news.append(queues[source].pop(0))
    assert told(Keys(), news) == "".join(keys)


@given(pressed)
def test_one_source_is_enough(keys: list[str]) -> None:
    assert told(Keys(), [("ari", key, float(n)) for n, key in enumerate(keys)]) == "".join(keys)


def test_a_source_that_was_away_repeats_nothing_and_hides_nothing() -> None:
    keys = Keys()
    away = [("line", "1", 1.0), ("line", "2", 2.0)]
    assert told(keys, away) == "12"
    keys.forget_sources()
    assert told(keys, [("ari", "3", 3.0), ("line", "3", 3.1), ("line", "4", 4.0)]) == "34"


def test_a_repetition_within_a_blink_is_the_same_press() -> None:
    news = [("line", "#", 1.0), ("line", "#", 1.0), ("line", "#", 1.3)]
    assert told(Keys(), news) == "##"


def test_a_thousand_keys_a_second_come_to_an_end() -> None:
    keys = Keys()
    news = [("line", str(n % 10), n / 1000) for n in range(5000)]
    assert len(told(keys, news)) == MOST_KEYS


def test_presses_that_a_process_gets_late_and_all_at_once_are_all_told() -> None:
    said = [
        ChannelDtmfReceived(
            channel=Channel(id="1"), digit="0", timestamp=f"2026-11-21T23:45:00.{ms:03}+0000"
        )
        for ms in (0, 90, 180, 270)
    ]
    assert told(Keys(), [("ari", one.digit, one.at or 0.0) for one in said]) == "0000"
