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
# The longer the network has heard silence, the less it believes a voice over noise: after 18 s, the
# length of a greeting, it passed over a whole sentence which it knows when it is fresh.
_SPELL = 32
_SILENCE = 0.1


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
    """A VoiceDetector: the network with the memory of one stream, which forgets plain silence."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self._h = np.zeros(_STATE, np.float32)
        self._c = np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)
        self._spell: list[float] = []

    def probabilities(self, chunks: npt.NDArray[np.float32]) -> list[float]:
        """Judge ``chunks``, shape (n, 512), the next ones of the stream."""
        scores: list[float] = []
        while len(scores) < len(chunks):
            room = _SPELL - len(self._spell)
            judged = self._judge(chunks[len(scores) : len(scores) + room])
            scores += judged
            self._spell += judged
            if len(self._spell) == _SPELL:
                if max(self._spell) < _SILENCE:
                    self._h, self._c = np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32)
                self._spell.clear()
        return scores

    def _judge(self, chunks: npt.NDArray[np.float32]) -> list[float]:
        contexts = np.empty((len(chunks), _CONTEXT), np.float32)
        contexts[0] = self._context
        contexts[1:] = chunks[:-1, CHUNK - _CONTEXT :]
        self._context = chunks[-1, CHUNK - _CONTEXT :].copy()
        scores, self._h, self._c = self._network.run(
            None,
            {"input": np.concatenate([contexts, chunks], 1), "h": self._h, "c": self._c},
        )
        return [float(score) for score in scores.reshape(-1)]
