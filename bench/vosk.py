"""What the voice-activity gate saves a streaming engine, against feeding it every frame.

The yardstick is what the vosk-server project does with a connection: each message goes into the
recogniser, and after each the result or the provisional one is asked for. Ours is a session of the
gateway with the same engine and weights. Both hear the same audio in frames of 20 ms: a caller's
sentences with as much of a quiet line's noise between them. Counted is the CPU time of this
process, so the ratio is that of the calls a core can carry.
"""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bench.report import Options, Row, median_ratio
from gateway.channel.speech import Final, SpeechEvent
from gateway.speech.audio import read_audio
from gateway.speech.catalogue import Catalogue, Installed
from gateway.speech.endpointing import RATE
from gateway.speech.loading import default_models_folder, load_recogniser
from gateway.speech.session import GatedRecogniser

NAME = "vosk"

_MODEL = "vosk-ko"
_CALLERS = Path(__file__).resolve().parents[1] / "config" / "demo" / "callers"
_FRAME = RATE // 50
_QUIET_LINE = 32768 * 10 ** (-60 / 20)


def measure(options: Options) -> Iterable[Row]:
    """Measure one speaker at a time; yield nothing when model or library are not installed."""
    catalogue = Catalogue.read(default_models_folder())
    state = catalogue.inspect(catalogue.get(_MODEL))
    if not isinstance(state, Installed):
        print(f"vosk: {_MODEL} is not installed; run: hotline models fetch {_MODEL}")
        return
    recogniser = load_recogniser(_MODEL, workers=1)
    if not isinstance(recogniser, GatedRecogniser):
        print(f"vosk: {recogniser.reason}")
        return
    try:
        audio = _half_silence(sentences=2 if options.quick else 4)
        seconds = len(audio) / 2 / RATE
        theirs, ours = [], []
        for _ in range(2 if options.quick else 5):
            theirs.append(_every_frame(audio, state.folder) / seconds)
            ours.append(_gated(audio, recogniser) / seconds)
    finally:
        recogniser.close()
    yield Row(
        what="concurrent calls a core, Vosk behind the gate, half of the audio silent",
        measured=f"{1 / np.median(ours):.1f} calls",
        yardstick=f"fed every frame as vosk-server does, {1 / np.median(theirs):.1f} calls",
        ratio=median_ratio(theirs, ours),
        sense="≥",
        goal=1.3,
    )


def _half_silence(sentences: int) -> bytes:
    paths = sorted(_CALLERS.glob("zh*.wav"))[:sentences]
    spoken = [read_audio(path) for path in paths]
    noise = np.random.default_rng(0)
    pauses = [noise.normal(0, _QUIET_LINE, len(one.pcm) // 2).astype("<i2") for one in spoken]
    return b"".join(one.pcm + p.tobytes() for one, p in zip(spoken, pauses, strict=True))


def _every_frame(audio: bytes, folder: Path) -> float:
    import vosk

    vosk.SetLogLevel(-1)
    model = vosk.Model(str(folder))
    began = time.process_time()
    recogniser = vosk.KaldiRecognizer(model, float(RATE))
    recogniser.SetWords(True)
    for place in range(0, len(audio), 2 * _FRAME):
        if recogniser.AcceptWaveform(audio[place : place + 2 * _FRAME]):
            recogniser.Result()
        else:
            recogniser.PartialResult()
    recogniser.FinalResult()
    return time.process_time() - began


def _gated(audio: bytes, recogniser: GatedRecogniser) -> float:
    async def listened() -> int:
        session = recogniser.session(sample_rate=RATE, language="ko")
        events: list[SpeechEvent] = []
        for place in range(0, len(audio), 2 * _FRAME):
            events += await session.feed(audio[place : place + 2 * _FRAME])
            await asyncio.sleep(0)
        events += await session.finish()
        session.close()
        return sum(isinstance(event, Final) for event in events)

    began = time.process_time()
    finals = asyncio.run(listened())
    spent = time.process_time() - began
    if not finals:
        raise RuntimeError("nothing was recognised, so nothing was measured")
    return spent
