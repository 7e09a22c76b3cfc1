"""The default model hears the callers, and nothing where nobody speaks."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from bench.speech import distance, plain, telephone
from gateway.channel.speech import Final, SpeechEnded, SpeechEvent, SpeechStarted
from gateway.cli import main
from gateway.domain.errors import GatewayError
from gateway.speech.audio import Audio, read_audio
from gateway.speech.engine import Effort
from gateway.speech.session import GatedRecogniser
from gateway.speech.transcription import transcribe
from tests.integration.speech.conftest import Caller

pytestmark = pytest.mark.model

FRAME_MS = 20


async def heard(recogniser: GatedRecogniser, audio: Audio, language: str = "zh") -> str:
    transcript = await transcribe(
        recogniser, audio.pcm, sample_rate=audio.sample_rate, language=language
    )
    return transcript.text


async def test_callers_on_a_telephone_line_are_understood(
    recogniser: GatedRecogniser, callers: list[Caller]
) -> None:
    edits = characters = 0
    for caller in (caller for caller in callers if caller.language == "zh"):
        text = plain(await heard(recogniser, telephone(read_audio(caller.path))))
        edits += distance(plain(caller.text), text)
        characters += len(plain(caller.text))
    # These voices were chosen because they are recognised well: this is the path, not accuracy.
    assert edits / characters < 0.15


async def test_an_english_caller_is_understood(
    recogniser: GatedRecogniser, callers: list[Caller]
) -> None:
    (caller, *_) = (caller for caller in callers if caller.language == "en")
    text = await heard(recogniser, read_audio(caller.path), "en-GB")
    assert "pothole on Maple Street" in text


async def test_a_call_fed_in_frames_gives_its_text_and_its_times(
    recogniser: GatedRecogniser, callers: list[Caller]
) -> None:
    audio = telephone(read_audio(callers[1].path))
    session = recogniser.session(sample_rate=8000, language="zh-CN")
    events: list[SpeechEvent] = []
    step = 8000 * FRAME_MS // 1000 * 2
    for at in range(0, len(audio.pcm), step):
        events += await session.feed(audio.pcm[at : at + step])
        await asyncio.sleep(0)
    events += await session.finish()
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded, Final]
    (segment,) = [event.segment for event in events if isinstance(event, Final)]
    assert "已经持续一个星期" in segment.text
    assert 200 <= segment.start_ms <= 600
    assert segment.end_ms <= audio.duration_ms
    starts = [word.start_ms for word in segment.words]
    assert starts == sorted(starts)
    assert starts[0] >= segment.start_ms
    assert "".join(word.text for word in segment.words) == segment.text


def sine(*hertz: int) -> "np.typing.NDArray[np.float64]":
    """Five seconds of a telephone network's tone at 8 kHz."""
    time = np.arange(40_000) / 8000
    return sum((0.3 * np.sin(2 * np.pi * f * time) for f in hertz), np.zeros(40_000))


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(40_000),
        np.random.default_rng(3).normal(0, 0.1, 40_000),
        sine(450),
        sine(770, 1336),
    ],
    ids=["silence", "noise", "dial tone", "key 5"],
)
@pytest.mark.parametrize("thorough", [False, True])
async def test_nothing_is_heard_where_nobody_speaks(
    recogniser: GatedRecogniser, samples: "np.typing.NDArray[np.float64]", thorough: bool
) -> None:
    pcm = (samples * 32767).clip(-32768, 32767).astype("<i2").tobytes()
    transcript = await transcribe(
        recogniser, pcm, sample_rate=8000, language="zh", thorough=thorough
    )
    assert transcript.segments == ()


def test_even_past_the_gate_silence_and_tones_give_no_text(recogniser: GatedRecogniser) -> None:
    for effort in Effort:
        decode = recogniser._engine.decoder(language="zh", hotwords=(), effort=effort)
        for samples in (np.zeros(80_000), np.sin(2 * np.pi * 450 / 16_000 * np.arange(80_000))):
            assert decode(samples.astype(np.float32)) is None


def test_an_unknown_language_is_refused_before_the_call(recogniser: GatedRecogniser) -> None:
    with pytest.raises(GatewayError, match="does not know the language 'tlh'"):
        recogniser.session(sample_rate=8000, language="tlh")


def test_transcribe_writes_one_json_line_a_file_and_goes_on_after_a_bad_one(
    callers: list[Caller], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.wav").touch()
    files = [str(callers[1].path), str(tmp_path / "empty.wav"), str(callers[4].path)]
    assert main(["transcribe", "--json", *files]) == 2
    out, err = capsys.readouterr()
    first, second = map(json.loads, out.splitlines())
    assert err.splitlines() == [
        f"hotline: {tmp_path}/empty.wav: the file is empty; record or copy it again"
    ]
    assert "小区" in first["text"]
    assert (first["language"], first["model"], first["duration_ms"]) == ("zh", "whisper-base", 5808)
    assert second["file"] == files[2]
    (segment,) = first["segments"]
    assert segment.keys() == {"start_ms", "end_ms", "text", "confidence", "words"}
    assert segment["words"][0].keys() == {"text", "start_ms", "end_ms", "confidence"}


def test_verify_confirms_the_installed_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", "whisper-base"]) == 0
    assert capsys.readouterr().out.startswith("whisper-base: installed")
