"""Of a call's recording the caller is heard, and a person while one was connected: no prompts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from gateway.blobs import wav
from gateway.channel.speech import EngineInfo, Final, Segment, SpeechEvent, Unavailable
from gateway.domain.errors import GatewayError
from gateway.domain.intake import Span
from gateway.speech.decoding import AudioError
from gateway.speech.recordings import RecordingReader

RATE = 8000


class Loudness:
    """Hears one utterance, from the first sample that is not silent to the last one."""

    failures = 0
    postponed = 0

    def __init__(self) -> None:
        self._pcm = b""

    async def feed(self, pcm: bytes) -> Sequence[SpeechEvent]:
        self._pcm += pcm
        return ()

    async def finish(self) -> Sequence[SpeechEvent]:
        (loud,) = np.nonzero(np.frombuffer(self._pcm, "<i2"))
        if not loud.size:
            return ()
        start, end = (int(at) * 1000 // RATE for at in (loud[0], loud[-1] + 1))
        return [Final(segment=Segment(start_ms=start, end_ms=end, text="话", text_raw="话"))]

    def close(self) -> None:
        pass


class Ears:
    """A recogniser that remembers how it was asked to listen."""

    info = EngineInfo(engine="loudness", model="none")

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def session(self, **how: Any) -> Loudness:
        self.asked.append(how)
        return Loudness()


def recorded(folder: Path, *channels: list[tuple[int, int]]) -> str:
    """Store five seconds with sound in these stretches (ms) of each channel; return the hash."""
    samples = np.zeros((5 * RATE, len(channels)), "<i2")
    for place, stretches in enumerate(channels):
        for start, end in stretches:
            samples[start * RATE // 1000 : end * RATE // 1000, place] = 1000
    body = samples.tobytes()
    head = wav.header(wav.Form(sample_rate=RATE, channels=len(channels)), len(body))
    (folder / "sound").write_bytes(head + body)
    return "sound"


@pytest.fixture
def ears() -> Ears:
    """The recogniser."""
    return Ears()


@pytest.fixture
def reader(ears: Ears, tmp_path: Path) -> RecordingReader:
    """A reader of the recordings in this folder."""
    return RecordingReader(cast(Any, ears), "zh", lambda name: tmp_path / name)


async def test_prompts_are_never_words(reader: RecordingReader, tmp_path: Path) -> None:
    name = recorded(tmp_path, [(1000, 2000)], [(0, 900), (3000, 4000)])
    heard = await reader.transcribe(name)
    assert heard is not None
    found = [(one.speaker, one.start_ms, one.end_ms) for one in heard.segments]
    assert found == [("citizen", 1000, 2000)]


async def test_a_person_is_heard_while_connected_and_keeps_their_times(
    reader: RecordingReader, tmp_path: Path
) -> None:
    name = recorded(tmp_path, [(3600, 4000)], [(0, 900), (3000, 3500), (4500, 5000)])
    heard = await reader.transcribe(name, connected=[Span(start_ms=2500, end_ms=4000)])
    assert heard is not None
    found = [(one.speaker, one.start_ms, one.end_ms) for one in heard.segments]
    assert found == [("operator", 3000, 3500), ("citizen", 3600, 4000)]


async def test_a_stretch_beyond_the_recording_is_harmless(
    reader: RecordingReader, tmp_path: Path
) -> None:
    name = recorded(tmp_path, [], [(4000, 5000)])
    heard = await reader.transcribe(name, connected=[Span(start_ms=4500, end_ms=99_000)])
    assert heard is not None
    assert [(one.start_ms, one.end_ms) for one in heard.segments] == [(4500, 5000)]
    assert heard.duration_ms == 5000


async def test_one_channel_holds_nobody_else_apart(reader: RecordingReader, tmp_path: Path) -> None:
    name = recorded(tmp_path, [(0, 1000)])
    heard = await reader.transcribe(name, connected=[Span(start_ms=0, end_ms=5000)])
    assert heard is not None
    assert [one.speaker for one in heard.segments] == ["citizen"]


async def test_the_pass_is_thorough_and_expects_the_words_of_its_call(
    reader: RecordingReader, ears: Ears, tmp_path: Path
) -> None:
    name = recorded(tmp_path, [(0, 1000)])
    await reader.transcribe(name, language="en-GB", entry="12319", topic="water")
    (asked,) = ears.asked
    assert asked == {
        "sample_rate": RATE,
        "language": "en",
        "entry": "12319",
        "topic": "water",
        "thorough": True,
    }


async def test_without_a_recogniser_nothing_is_read(tmp_path: Path) -> None:
    nobody = Unavailable(reason="no model", cure="fetch one")
    reader = RecordingReader(nobody, "zh", lambda name: tmp_path / name)
    assert await reader.transcribe("not there") is None


async def test_a_recording_that_cannot_be_read_says_why_and_not_where(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"RIFF\0\0\0\0WAVE")
    reader = RecordingReader(cast("Any", Ears()), "zh", lambda name: tmp_path / name)
    with pytest.raises(AudioError) as caught:
        await reader.transcribe("a")
    assert caught.value.message == "the WAV file is truncated: it has no sound"


async def test_a_recording_that_is_not_there_may_come_back(tmp_path: Path) -> None:
    reader = RecordingReader(cast("Any", Ears()), "zh", lambda name: tmp_path / name)
    with pytest.raises(GatewayError) as caught:
        await reader.transcribe("b")
    assert not isinstance(caught.value, AudioError)
