"""The Silero voice-activity network, run on one stream at a time.

The weights (MIT, github.com/snakers4/silero-vad) come with faster-whisper. That build knows 16 kHz
only: 64 samples of context before each chunk of 512; a telephone's 8 kHz is resampled before it.
"""

from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from gateway.speech.endpointing import CHUNK

_CONTEXT = 64
_STATE = (1, 1, 128)


class Silero:
    """The loaded network, shared by every stream."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        weights = resources.files("faster_whisper") / "assets" / "silero_vad_v6.onnx"
        self._network = onnxruntime.InferenceSession(
            weights.read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    def stream(self) -> "SileroStream":
        """Begin to judge one stream of audio."""
        return SileroStream(self._network)


class SileroStream:
    """A VoiceDetector: the network with the memory of one stream."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self._h = np.zeros(_STATE, np.float32)
        self._c = np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)

    def probabilities(self, chunks: npt.NDArray[np.float32]) -> list[float]:
        """Judge ``chunks``, shape (n, 512), the next ones of the stream."""
        contexts = np.empty((len(chunks), _CONTEXT), np.float32)
        contexts[0] = self._context
        contexts[1:] = chunks[:-1, CHUNK - _CONTEXT :]
        self._context = chunks[-1, CHUNK - _CONTEXT :].copy()
        scores, self._h, self._c = self._network.run(
            None,
            {"input": np.concatenate([contexts, chunks], 1), "h": self._h, "c": self._c},
        )
        return [float(score) for score in scores.reshape(-1)]
