"""What the voice-activity gate saves a streaming engine, against feeding it every frame.

The yardstick is what the vosk-server project does with a connection: a recogniser of its own, each
message into it, and after each the result or the provisional one is asked for. Ours is a session
of the gateway with the same engine and weights. Both hear the same audio in frames of 20 ms: a
caller's sentence and as much of a quiet line's noise, several times. Counted is the CPU time of
this process, so the ratio is that of the calls a core can carry.

The model is Korean. Speech of another language makes Kaldi search several times as much as its own
does, and the search hides what a frame of silence costs. So the sentence is the Korean one of the
recordings in ``HOTLINE_SPEECH_DATA`` (see ``bench/speech.py``), and without them some of the demo's
Mandarin callers take its place. It is repeated, which favours the yardstick: its recogniser has
composed the sentence's graph after the first time.

A gateway has heard callers before this one: before each round ours, newly loaded, hears other ones
of the demo, and never the measured sentence. A second row lets the yardstick hear them too, with
the recogniser it then goes on with. That is what the gate alone brings.
"""

import asyncio
import json
import os
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import Options, Row, median_ratio
from bench.speech import DATA
from gateway.channel.speech import Final, SpeechEvent, Unavailable
from gateway.speech.audio import read_audio
from gateway.speech.catalogue import Catalogue, Installed, ModelError
from gateway.speech.endpointing import RATE
from gateway.speech.loading import default_models_folder, load_recogniser
from gateway.speech.scoring import Scorer
from gateway.speech.session import GatedRecogniser

NAME = "vosk"

_MODEL = "vosk-ko"
_LANGUAGE = "ko"
_CALLERS = Path(__file__).resolve().parents[1] / "config" / "demo" / "callers"
_FRAME = RATE // 50
_QUIET_LINE = 32768 * 10 ** (-60 / 20)
# Spinning on the session would be counted as its work.
_POLL_S = 0.002


@dataclass(frozen=True, slots=True)
class _Call:
    """What both sides hear, and what is said in it; nobody knows what without recordings."""

    pcm: bytes
    said: str

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / RATE


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a call cost in CPU seconds for each of its seconds, and what was understood."""

    cpu: float
    text: str


def measure(options: Options) -> Iterable[Row]:
    """Measure one speaker at a time; yield nothing when model or library are not installed."""
    catalogue = Catalogue.read(default_models_folder())
    state = catalogue.inspect(catalogue.get(_MODEL))
    if not isinstance(state, Installed):
        print(f"vosk: {_MODEL} is not installed; run: hotline models fetch {_MODEL}")
        return
    try:
        import vosk
    except ImportError:
        print("vosk: the library is not installed; run: pip install 'vosk>=0.3.45'")
        return
    vosk.SetLogLevel(-1)
    model = vosk.Model(str(state.folder))
    turns = 2 if options.quick else 4
    callers = [(read_audio(path).pcm, "") for path in sorted(_CALLERS.glob("zh*.wav"))]
    korean = _korean()
    call = _call(korean or callers[:turns], turns)
    others = [pcm for pcm, _ in (callers if korean else callers[turns:])]
    theirs, warm, ours = [], [], []
    for _ in range(2 if options.quick else 5):
        theirs.append(_every_frame(call, _connection(vosk, model)))
        warm.append(_every_frame(call, _after(others, _connection(vosk, model))))
        with _gateway() as recogniser:
            for other in others:
                _gated(_Call(other, ""), recogniser)
            ours.append(_gated(call, recogniser))
    yield _calls(
        "Vosk behind the gate, half of the audio silent", "as vosk-server does", theirs, ours
    )
    yield _calls("the same, the gate alone", "by a recogniser that heard as much", warm, ours)
    if call.said:
        yield _errors(call.said, theirs, ours)


def _calls(what: str, how: str, theirs: Sequence[_Heard], ours: Sequence[_Heard]) -> Row:
    return Row(
        what=f"concurrent calls a core, {what}",
        measured=f"{1 / statistics.median(one.cpu for one in ours):.1f} calls",
        yardstick=(
            f"fed every frame {how}, {1 / statistics.median(one.cpu for one in theirs):.1f} calls"
        ),
        ratio=median_ratio([one.cpu for one in theirs], [one.cpu for one in ours]),
        sense="≥",
        goal=1.3,
    )


def _errors(said: str, theirs: Sequence[_Heard], ours: Sequence[_Heard]) -> Row:
    their_rate, our_rate = _error_rate(said, theirs), _error_rate(said, ours)
    return Row(
        what="errors of Vosk behind the gate, beyond those of the yardstick",
        measured=f"{100 * our_rate:.1f} % of the characters",
        yardstick=f"{100 * their_rate:.1f} %",
        ratio=100 * (our_rate - their_rate),
        sense="≤",
        goal=0,
        unit="points",
    )


def _error_rate(said: str, heard: Sequence[_Heard]) -> float:
    scorer = Scorer(_LANGUAGE)
    return statistics.mean(scorer.score(said, one.text).error_rate or 0 for one in heard)


def _call(sentences: Sequence[tuple[bytes, str]], turns: int) -> _Call:
    noise = np.random.default_rng(0)
    pcm, said = bytearray(), []
    for turn in range(turns):
        spoken, text = sentences[turn % len(sentences)]
        pause = noise.normal(0, _QUIET_LINE, len(spoken) // 2).astype("<i2")
        pcm += spoken + pause.tobytes()
        said.append(text)
    return _Call(bytes(pcm), " ".join(said).strip())


def _korean() -> list[tuple[bytes, str]]:
    folder = Path(os.environ.get(DATA, ""))
    if not (folder / "manifest.json").is_file():
        print(f"vosk: no manifest.json in {folder}; set {DATA} to hear Korean, not Mandarin")
        return []
    entries = json.loads((folder / "manifest.json").read_text("utf-8"))
    return [
        (read_audio(folder / entry["file"]).pcm, str(entry["text"]))
        for entry in entries
        if entry["lang"] == _LANGUAGE
    ]


def _connection(library: Any, model: Any) -> tuple[Any, float]:
    """A recogniser for one connection, and the CPU seconds it took to make."""
    began = time.process_time()
    recogniser = library.KaldiRecognizer(model, float(RATE))
    recogniser.SetWords(True)
    return recogniser, time.process_time() - began


def _after(others: Sequence[bytes], connection: tuple[Any, float]) -> tuple[Any, float]:
    recogniser, _ = connection
    for other in others:
        recogniser.AcceptWaveform(other)
        recogniser.FinalResult()
    return recogniser, 0.0


def _every_frame(call: _Call, connection: tuple[Any, float]) -> _Heard:
    recogniser, spent = connection
    began = time.process_time()
    results = []
    for place in range(0, len(call.pcm), 2 * _FRAME):
        if recogniser.AcceptWaveform(call.pcm[place : place + 2 * _FRAME]):
            results.append(recogniser.Result())
        else:
            recogniser.PartialResult()
    results.append(recogniser.FinalResult())
    spent += time.process_time() - began
    return _Heard(spent / call.seconds, " ".join(json.loads(one)["text"] for one in results))


@contextmanager
def _gateway() -> Iterator[GatedRecogniser]:
    recogniser = load_recogniser(_MODEL, workers=1)
    if isinstance(recogniser, Unavailable):
        raise ModelError(recogniser.reason, recogniser.cure)
    try:
        yield recogniser
    finally:
        recogniser.close()


def _gated(call: _Call, recogniser: GatedRecogniser) -> _Heard:
    async def listened() -> list[str]:
        session = recogniser.session(sample_rate=RATE, language=_LANGUAGE)
        events: list[SpeechEvent] = []
        for place in range(0, len(call.pcm), 2 * _FRAME):
            events += await session.feed(call.pcm[place : place + 2 * _FRAME])
            while session.busy:
                await asyncio.sleep(_POLL_S)
        events += await session.finish()
        session.close()
        return [event.segment.text_raw for event in events if isinstance(event, Final)]

    began = time.process_time()
    finals = asyncio.run(listened())
    spent = time.process_time() - began
    if not finals:
        raise RuntimeError("nothing was recognised, so nothing was measured")
    return _Heard(spent / call.seconds, " ".join(finals))
