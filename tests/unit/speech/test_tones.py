"""The sounds of an exchange are known, through a telephone line; nothing else is taken for one."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soxr

from bench.sounds import SOUNDS, chords, noise
from gateway.domain.g711 import mulaw_to_pcm, pcm_to_mulaw
from gateway.speech.audio import read_audio
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.tones import tonal

CALLERS = Path(__file__).parents[3] / "config" / "demo" / "callers"
TONES = [
    name for name in SOUNDS if name.startswith(("dial", "ringback", "busy", "key", "SIT", "fax"))
]


def heard(samples: npt.NDArray[np.float64]) -> Samples:
    """The sound as it arrives over a line, at the rate engines want."""
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    narrow = np.frombuffer(mulaw_to_pcm(pcm_to_mulaw(pcm)), "<i2").astype(np.float32) / 32768
    return np.asarray(soxr.resample(narrow, 8000, RATE), np.float32)


@pytest.mark.parametrize("name", TONES)
def test_a_tone_is_known(name: str) -> None:
    assert tonal(heard(SOUNDS[name]))


def test_a_tone_over_a_noisy_line_is_known() -> None:
    assert tonal(heard(SOUNDS["dial 450"] + noise(6, 0.02)))


@pytest.mark.parametrize("samples", [noise(3, 0.1), chords(), np.zeros(8000)])
def test_noise_music_and_silence_are_no_tones(samples: npt.NDArray[np.float64]) -> None:
    assert not tonal(heard(samples))


@pytest.mark.parametrize("path", sorted(CALLERS.glob("*.wav")), ids=lambda path: path.stem)
def test_a_voice_is_no_tone(path: Path) -> None:
    audio = read_audio(path)
    samples = np.frombuffer(audio.pcm, "<i2").astype(np.float32) / 32768
    whole = heard(np.asarray(soxr.resample(samples, audio.sample_rate, 8000)))
    pieces = [whole[at : at + RATE] for at in range(0, len(whole) - RATE, RATE)]
    assert [tonal(piece) for piece in pieces] == [False] * len(pieces)


def test_a_moment_too_short_to_judge_is_no_tone() -> None:
    assert not tonal(np.zeros(100, np.float32))
