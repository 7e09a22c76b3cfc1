"""The spectrogram is the one that Whisper was trained on, to the last bit of the reference's."""

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from gateway.speech.whisper.spectrogram import Spectrogram


@pytest.mark.parametrize("silence_s", [0, 5])
@pytest.mark.parametrize("samples", [400, 16_000, 48_123])
def test_every_value_equals_the_reference(samples: int, silence_s: int) -> None:
    audio = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    expected = FeatureExtractor()(audio, padding=silence_s * 16_000)
    frames = Spectrogram()(audio, silence_s=silence_s)
    assert frames.dtype == np.float32
    assert np.array_equal(frames, expected)


def test_a_model_of_128_bands_gets_as_many() -> None:
    audio = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    expected = FeatureExtractor(feature_size=128)(audio, padding=0)
    assert np.array_equal(Spectrogram(128)(audio), expected)
