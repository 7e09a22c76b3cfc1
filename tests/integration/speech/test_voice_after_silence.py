"""The voice gate still knows a voice over noise after the long silence of a greeting."""

from pathlib import Path

import numpy as np
import pytest
import soxr

from gateway.speech.audio import read_audio
from gateway.speech.catalogue import GATE
from gateway.speech.endpointing import CHUNK, RATE
from gateway.speech.loading import default_models_folder
from gateway.speech.silero import Silero

CALLERS = Path(__file__).parents[3] / "config" / "demo" / "callers"
GREETING_S = 18
VOICED = 0.5


def voiced(network: Silero, samples: np.ndarray) -> int:
    """How many chunks the gate takes for a voice."""
    whole = samples[: len(samples) // CHUNK * CHUNK].reshape(-1, CHUNK)
    scores = network.stream().probabilities(whole.astype(np.float32))
    return sum(score >= VOICED for score in scores)


@pytest.mark.parametrize("name", ["zh2.wav", "zh6.wav"])
def test_a_caller_on_a_noisy_line_is_heard_after_a_long_greeting(name: str) -> None:
    network = Silero(default_models_folder() / GATE)
    audio = read_audio(CALLERS / name)
    speech = np.frombuffer(audio.pcm, "<i2") / 32768
    speech = np.asarray(soxr.resample(speech, audio.sample_rate, RATE))
    noise = np.random.default_rng(7).normal(0, 1, len(speech))
    noisy = speech + noise * np.sqrt(np.mean(speech**2)) * 10 ** (3 / 20)
    at_once = voiced(network, noisy)
    later = voiced(network, np.concatenate([np.zeros(RATE * GREETING_S), noisy]))
    assert at_once > 50
    assert later > 0.8 * at_once


def test_how_the_audio_is_cut_into_pieces_changes_nothing() -> None:
    audio = read_audio(CALLERS / "zh1.wav")
    samples = np.frombuffer(audio.pcm, "<i2").astype(np.float32) / 32768
    chunks = np.concatenate([np.zeros(RATE * 3, np.float32), samples])
    chunks = chunks[: len(chunks) // CHUNK * CHUNK].reshape(-1, CHUNK)
    network = Silero(default_models_folder() / GATE)
    whole = network.stream().probabilities(chunks)
    stream = network.stream()
    pieces = [
        score for piece in np.array_split(chunks, 41) for score in stream.probabilities(piece)
    ]
    assert pieces == pytest.approx(whole, abs=1e-4)
