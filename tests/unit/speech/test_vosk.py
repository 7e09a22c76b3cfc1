"""A recogniser of Vosk serves one utterance after another, and each as if it were the first."""

import json
from dataclasses import dataclass, field

import numpy as np

from gateway.speech.endpointing import RATE
from gateway.speech.vosk import VoskStream
from gateway.speech.warm import WarmRecognisers

SECOND = np.zeros(RATE, np.float32)


@dataclass
class Library:
    """Says one word in every second; ``ends`` tells after which seconds it ends a sentence."""

    ends: tuple[int, ...] = ()
    second: int = 0
    unfinished: list[int] = field(default_factory=list)

    def AcceptWaveform(self, pcm: bytes) -> bool:
        self.second += len(pcm) // 2 // RATE
        self.unfinished.append(self.second)
        return self.second in self.ends

    def PartialResult(self) -> str:
        return json.dumps({"partial": " ".join("네" for _ in self.unfinished)})

    def Result(self) -> str:
        words = [{"word": "네", "start": at - 0.9, "end": at - 0.1} for at in self.unfinished]
        self.unfinished = []
        return json.dumps({"text": " ".join("네" for _ in words), "result": words})

    FinalResult = Result


def test_times_count_from_the_utterance_whatever_was_heard_before_it() -> None:
    recognisers = WarmRecognisers(Library)
    for _ in range(3):
        stream = VoskStream(recognisers, spaced=True)
        stream.hear(SECOND)
        assert stream.hear(SECOND) == "네 네"
        heard = stream.finish()
        assert heard is not None
        assert [(word.start_ms, word.end_ms) for word in heard.words] == [(100, 900), (1100, 1900)]
    assert recognisers.take().heard == 6 * RATE


def test_a_sentence_the_library_ends_is_one_of_the_utterance() -> None:
    recognisers = WarmRecognisers(lambda: Library(ends=(1,)))
    stream = VoskStream(recognisers, spaced=False)
    stream.hear(SECOND)
    assert stream.hear(SECOND) == "네네"
    heard = stream.finish()
    assert heard is not None
    assert (heard.text_raw, heard.text) == ("네 네", "네네")


def test_a_recogniser_that_kept_sound_of_its_caller_serves_nobody_else() -> None:
    recognisers = WarmRecognisers(lambda: Library(ends=(1,)))
    stream = VoskStream(recognisers, spaced=True)
    stream.hear(SECOND)
    stream.finish()
    assert recognisers.take().heard == 0
