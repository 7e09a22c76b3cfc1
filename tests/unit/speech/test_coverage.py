"""What an engine left out of an utterance is decoded on its own; silence after the words is not."""

from collections.abc import Callable

import numpy as np
import pytest

from gateway.domain.transcript import TranscriptWord
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decoded
from gateway.speech.whisper.coverage import covering

WORD_MS = 400


def said(*words: str, pause_ms: int = 0, loudness: float = 0.3) -> Samples:
    """A voice of one tone for each word, and a pause after the last."""
    tones = [
        loudness * np.sin(2 * np.pi * (200 + 10 * len(word)) * np.arange(WORD_MS * 16) / RATE)
        for word in words
    ]
    return np.concatenate([*tones, np.zeros(pause_ms * 16)]).astype(np.float32)


def hearing(*sentences: str, late_ms: int = 0) -> Callable[[Samples], Decoded | None]:
    """An engine that writes one sentence each time it is asked; its words follow at once."""
    left = list(sentences)

    def decode(audio: Samples) -> Decoded | None:
        text = left.pop(0) if left else ""
        words = tuple(
            TranscriptWord(
                text=letter,
                start_ms=late_ms + place * WORD_MS,
                end_ms=late_ms + (place + 1) * WORD_MS if place + 1 < len(text) else 99_000,
                confidence=0.9,
            )
            for place, letter in enumerate(text)
        )
        if not text:
            return None
        return Decoded(text_raw=text, text=text, confidence=1 / len(text), words=words)

    return decode


def test_a_second_sentence_is_decoded_on_its_own_and_counts_its_times_from_the_whole() -> None:
    audio = np.concatenate([said("a", "b", pause_ms=500), said("c", "d", "e", "f", "g")])
    heard = covering(hearing("停水", "什么时候来"), spaced=False)(audio)
    assert heard is not None
    assert heard.text == "停水什么时候来"
    assert heard.text_raw == heard.text
    starts = [word.start_ms for word in heard.words]
    # The cut is made in the pause, which lasts from 0.8 to 1.3 s.
    assert 800 <= starts[2] <= 1300
    assert starts == sorted(starts)
    assert heard.words[1].end_ms == starts[2]
    assert heard.confidence == pytest.approx(0.2)


def test_words_are_put_apart_where_the_language_does_so() -> None:
    audio = np.concatenate([said("a", pause_ms=400), said("b", "c", "d", "e", "f", "g")])
    heard = covering(hearing("a", "b"), spaced=True)(audio)
    assert heard is not None
    assert heard.text == "a b"


def test_a_text_that_reaches_the_end_is_left_as_it_is() -> None:
    audio = said("a", "b", pause_ms=1300)
    heard = covering(hearing("停水", "从未说过"), spaced=False)(audio)
    assert heard is not None
    assert heard.text == "停水"


def test_silence_after_the_words_is_not_asked_again() -> None:
    audio = said("a", "b", pause_ms=4000)
    heard = covering(hearing("停水", "谢谢观看"), spaced=False)(audio)
    assert heard is not None
    assert heard.text == "停水"


def test_a_rest_that_nobody_spoke_in_changes_nothing() -> None:
    audio = np.concatenate([said("a", "b", pause_ms=500), said("c", "d", "e", "f", "g")])
    heard = covering(hearing("停水"), spaced=False)(audio)
    assert heard is not None
    assert heard.text == "停水"


def test_what_was_left_out_of_the_rest_is_decoded_too() -> None:
    audio = np.concatenate([said("a", pause_ms=400), said("b", pause_ms=400), said(*"cdefgh")])
    heard = covering(hearing("一", "二", "三四五六七八"), spaced=False)(audio)
    assert heard is not None
    assert heard.text == "一二三四五六七八"


def test_silence_or_an_engine_without_words_is_passed_on() -> None:
    assert covering(hearing(), spaced=False)(said("a", pause_ms=3000)) is None
    wordless = Decoded(text_raw="停水", text="停水")
    assert covering(lambda _: wordless, spaced=False)(said("a", pause_ms=3000)) is wordless
