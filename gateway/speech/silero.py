"""The Silero voice-activity network, run on one stream at a time.

The weights (MIT, github.com/snakers4/silero-vad) are a model of the catalogue like any other. The
network knows two rates. What came over a telephone has nothing above 4 kHz, so every second sample
says it all, and the network for 8 kHz hears a voice in noise there more often than the other.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from gateway.speech.catalogue import GATE, ModelError
from gateway.speech.endpointing import CHUNK, RATE

_WEIGHTS = "silero_vad.onnx"
_STATE = (2, 1, 128)
# The network wants to see the last 4 ms before each chunk of 32 ms.
_CONTEXT = CHUNK // 8
# The longer the network has heard silence, the less it believes a voice over noise: after 18 s, the
# length of a greeting, it passed over a whole sentence which it knows when it is fresh.
_SPELL = 32
_SILENCE = 0.1


class Silero:
    """The loaded network, shared by every stream."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        try:
            self._network = onnxruntime.InferenceSession(
                (folder / _WEIGHTS).read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the library raises nothing more particular
            raise ModelError(
                f"the voice-activity model {GATE} does not load",
                f"run: hotline models fetch {GATE}",
            ) from error

    def stream(self, sample_rate: int = RATE) -> "SileroStream":
        """Begin to judge one stream that was recorded at ``sample_rate`` Hz."""
        return SileroStream(self._network, step=2 if sample_rate <= RATE // 2 else 1)


class SileroStream:
    """A VoiceDetector: the network with the memory of one stream, which forgets plain silence.

    ``step`` 2 takes every second sample only.
    """

    def __init__(self, network: Any, *, step: int) -> None:
        self._network = network
        self._step = step
        self._rate = np.array(RATE // step, np.int64)
        self._state = np.zeros(_STATE, np.float32)
        self._context = np.zeros((1, _CONTEXT // step), np.float32)
        self._spell: list[float] = []

    def probabilities(self, chunks: npt.NDArray[np.float32]) -> list[float]:
        """Judge ``chunks``, shape (n, 512), the next ones of the stream."""
        scores = []
        for chunk in chunks:
            score = self._judge(chunk[None, :: self._step])
            scores.append(score)
            self._spell.append(score)
            if len(self._spell) == _SPELL:
                if max(self._spell) < _SILENCE:
                    self._state = np.zeros(_STATE, np.float32)
                self._spell.clear()
        return scores

    def _judge(self, chunk: npt.NDArray[np.float32]) -> float:
        heard = np.concatenate([self._context, chunk], axis=1)
        self._context = heard[:, -self._context.shape[1] :]
        score, self._state = self._network.run(
            None, {"input": heard, "state": self._state, "sr": self._rate}
        )
        return float(score[0, 0])
