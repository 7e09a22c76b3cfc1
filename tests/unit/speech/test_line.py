"""A telephone line takes away what a telephone line takes away."""

import numpy as np
import pytest

from gateway.speech.audio import Audio
from gateway.speech.line import Line, over

SECOND = np.arange(16000) / 16000


def tone(frequency: float) -> Audio:
    samples = (np.sin(2 * np.pi * frequency * SECOND) * 12000).astype("<i2")
    return Audio(pcm=samples.tobytes(), sample_rate=16000)


def loudness(audio: Audio) -> float:
    samples = np.frombuffer(audio.pcm, "<i2").astype(np.float64)
    return float(np.sqrt(np.mean(np.square(samples))))


def test_as_recorded_is_untouched() -> None:
    assert over(Line.AS_RECORDED, tone(1000)) == tone(1000)


@pytest.mark.parametrize("line", [Line.MULAW, Line.ALAW, Line.HANDSET])
def test_a_voices_middle_passes_every_line_at_8_khz(line: Line) -> None:
    audio = over(line, tone(1000))
    assert audio.sample_rate == 8000
    assert audio.duration_ms == 1000
    assert loudness(audio) == pytest.approx(loudness(tone(1000)), rel=0.05)


@pytest.mark.parametrize("line", [Line.MULAW, Line.ALAW])
def test_g711_carries_nothing_above_4_khz(line: Line) -> None:
    assert loudness(over(line, tone(5000))) < 100


@pytest.mark.parametrize("frequency", [120, 3700])
def test_a_handset_takes_the_bottom_and_the_top_away(frequency: float) -> None:
    assert loudness(over(Line.MULAW, tone(frequency))) > 1000
    assert loudness(over(Line.HANDSET, tone(frequency))) < 300
