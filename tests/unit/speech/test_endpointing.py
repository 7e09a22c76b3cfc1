"""Where utterances begin and end, with a detector that the test holds in its hand."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.speech.endpointing import CHUNK, RATE, Began, Endpointer, Endpointing, Utterance

CHUNK_MS = 1000 * CHUNK // RATE


class LevelDetector:
    """Takes the first sample of a chunk for the probability."""

    def probabilities(self, chunks: npt.NDArray[np.float32]) -> list[float]:
        return [float(chunk[0]) for chunk in chunks]


def sound(*stretches: tuple[float, int]) -> npt.NDArray[np.float32]:
    """Stretches of (probability, milliseconds), whole chunks each."""
    return np.concatenate(
        [np.full(ms // CHUNK_MS * CHUNK, level, np.float32) for level, ms in stretches]
    )


def heard(
    samples: npt.NDArray[np.float32], rules: Endpointing | None = None
) -> list[Began | Utterance]:
    endpointer = Endpointer(LevelDetector(), rules or Endpointing())
    return endpointer.feed(samples) + endpointer.finish()


def utterances(found: list[Began | Utterance]) -> list[Utterance]:
    return [event for event in found if isinstance(event, Utterance)]


def ms(sample: int) -> int:
    return sample * 1000 // RATE


def test_silence_holds_no_utterance() -> None:
    assert heard(sound((0.0, 5000))) == []


def test_a_voice_begins_and_ends_where_it_did() -> None:
    began, utterance = heard(sound((0.0, 960), (0.9, 1600), (0.0, 1600)))
    assert isinstance(began, Began)
    assert isinstance(utterance, Utterance)
    assert (ms(began.sample), ms(utterance.start), ms(utterance.end)) == (960, 960, 2560)


def test_an_utterance_takes_some_air_before_and_after_along() -> None:
    (utterance,) = utterances(heard(sound((0.0, 960), (0.9, 1600), (0.0, 1600))))
    assert 960 - 300 - CHUNK_MS < ms(utterance.audio_start) <= 960 - 300
    assert ms(utterance.audio_start + len(utterance.audio)) == 2560 + 300


def test_the_beginning_is_told_before_the_end_is_known() -> None:
    endpointer = Endpointer(LevelDetector())
    assert endpointer.feed(sound((0.9, 160))) == []
    assert endpointer.feed(sound((0.9, 160))) == [Began(0)]


def test_a_click_is_not_speech() -> None:
    assert heard(sound((0.0, 480), (0.9, 160), (0.0, 1600))) == []


def test_a_pause_for_breath_does_not_end_an_utterance() -> None:
    found = heard(sound((0.9, 800), (0.0, 640), (0.9, 800), (0.0, 960)))
    assert [ms(u.end) for u in utterances(found)] == [2240]


def test_a_doubtful_sound_neither_starts_nor_ends_speech() -> None:
    assert heard(sound((0.4, 3200))) == []
    assert len(utterances(heard(sound((0.9, 800), (0.4, 1600), (0.9, 800))))) == 1


def test_two_sentences_are_two_utterances_and_share_no_audio() -> None:
    first, second = utterances(heard(sound((0.9, 800), (0.0, 736), (0.9, 800), (0.0, 960))))
    assert first.audio_start + len(first.audio) <= second.audio_start


def test_a_caller_cut_off_in_mid_sentence_is_heard_to_the_last_sample() -> None:
    (utterance,) = utterances(heard(sound((0.0, 320), (0.9, 960))))
    assert ms(utterance.audio_start + len(utterance.audio)) == 1280


def test_speech_without_end_is_cut_at_its_quietest_place_and_goes_on() -> None:
    rules = Endpointing(max_segment_ms=4000)
    found = heard(sound((0.9, 2560), (0.6, CHUNK_MS), (0.9, 3200), (0.0, 960)), rules)
    first, second = utterances(found)
    assert (ms(first.start), ms(first.end)) == (0, 2560)
    assert (ms(second.start), second.audio_start) == (2560, second.start)
    # The voice channel must not take the cut for silence.
    assert found[2] == Began(second.start)


def test_no_utterance_is_longer_than_the_rules_allow() -> None:
    rules = Endpointing()
    for utterance in utterances(heard(sound((0.9, 70_000)))):
        assert ms(len(utterance.audio)) <= rules.max_segment_ms + rules.pre_roll_ms + CHUNK_MS


def test_memory_does_not_grow_in_silence() -> None:
    endpointer = Endpointer(LevelDetector())
    for _ in range(200):
        endpointer.feed(sound((0.0, 320)))
    assert len(endpointer._kept) < 20


@settings(deadline=None)  # how long it takes depends on the machine
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.4, 0.9]), st.integers(1, 40)), max_size=12),
    st.integers(100, 3 * CHUNK),
)
def test_how_the_audio_is_sliced_changes_nothing(
    stretches: list[tuple[float, int]], step: int
) -> None:
    samples = sound((0.0, CHUNK_MS), *((level, n * CHUNK_MS) for level, n in stretches))
    rules = Endpointing(max_segment_ms=1600)
    whole = heard(samples, rules)
    endpointer = Endpointer(LevelDetector(), rules)
    sliced = [
        event
        for at in range(0, len(samples), step)
        for event in endpointer.feed(samples[at : at + step])
    ] + endpointer.finish()
    assert [summary(event) for event in sliced] == [summary(event) for event in whole]
    ends = [u.audio_start + len(u.audio) for u in utterances(whole)]
    starts = [u.audio_start for u in utterances(whole)]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


def summary(event: Began | Utterance) -> tuple[int, ...]:
    match event:
        case Began(sample):
            return (sample,)
        case Utterance():
            return (event.start, event.end, event.audio_start, len(event.audio))


def test_a_chunk_that_is_not_full_waits_for_the_rest() -> None:
    endpointer = Endpointer(LevelDetector())
    assert endpointer.feed(np.full(CHUNK - 1, 0.9, np.float32)) == []
    assert endpointer.finish() == []


@pytest.mark.parametrize("samples", [0, 1])
def test_an_empty_stream_ends_quietly(samples: int) -> None:
    assert heard(np.zeros(samples, np.float32)) == []
