"""How well the default model hears real Mandarin, and how much CPU that takes.

Run ``python -m bench.speech --speech-data DIR``, or ``python -m bench speech`` with the folder in
``HOTLINE_SPEECH_DATA``. DIR holds ``manifest.json``, a list of objects
with ``file``, ``lang`` and ``text``, beside the WAV files. Each recording goes through the whole
path of a call: resampling, voice activity, engine. "16 kHz" is as recorded; "µ-law" has been
through a telephone line (8 kHz, G.711). "live" is the cheaper decoding used while a caller waits.

Character error rate: edits over characters, after removing punctuation and space, in simplified
characters, with digits written as Chinese numerals one by one.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import opencc
import soxr

from bench import report
from bench.report import Options
from gateway.channel.speech import Recogniser, Unavailable
from gateway.domain.g711 import mulaw_to_pcm, pcm_to_mulaw
from gateway.speech.audio import Audio, read_audio
from gateway.speech.loading import load_recogniser
from gateway.speech.transcription import transcribe

NAME = "speech"

DATA = "HOTLINE_SPEECH_DATA"
_NUMERALS = str.maketrans("0123456789", "零一二三四五六七八九")
_NOT_TEXT = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured line: error rate in per cent and its target, CPU seconds per second."""

    condition: str
    clips: int
    seconds: float
    cer: float
    target: float | None
    cpu_rtf: float

    @property
    def met(self) -> bool:
        """Whether the error rate is at or below its target."""
        return self.target is None or self.cer <= self.target

    def __str__(self) -> str:
        verdict = ""
        if self.target is not None:
            verdict = f"  target <= {self.target:.0f} % {'met' if self.met else 'MISSED'}"
        return (
            f"speech {self.condition:<12} {self.clips:>3} clips {self.seconds:>6.1f} s  "
            f"CER {self.cer:>5.1f} %  CPU-RTF {self.cpu_rtf:.3f}{verdict}"
        )


def measure(_: Options) -> Iterator[report.Row]:
    """Yield the error rates as rows of the common table; none without data or model."""
    for row in run():
        if row.target is None:
            continue
        yield report.Row(
            what=f"Mandarin calls, {row.condition}, character error rate",
            measured=f"{row.cer:.1f} %, CPU-RTF {row.cpu_rtf:.2f}",
            yardstick=f"{row.clips} recordings of {row.seconds:.0f} s",
            ratio=row.cer,
            sense="≤",
            goal=row.target,
            unit="%",
        )


def run(data: Path | None = None, *, model: str = "whisper-base") -> list[Row]:
    """Measure; an empty list, and a line with the reason, when data or model are not there."""
    folder = data or Path(os.environ.get(DATA, ""))
    if not (folder / "manifest.json").is_file():
        print(f"speech: skipped, no manifest.json in {folder}; set {DATA} or give --speech-data")
        return []
    recogniser = load_recogniser(model, workers=1)
    if isinstance(recogniser, Unavailable):
        print(f"speech: skipped, {recogniser.reason}; {recogniser.cure}")
        return []
    entries = json.loads((folder / "manifest.json").read_text("utf-8"))
    clips = [
        (read_audio(folder / entry["file"]), str(entry["text"]))
        for entry in entries
        if entry["lang"] == "zh"
    ]
    narrow = [(telephone(audio), text) for audio, text in clips]
    try:
        rows = [
            _measure("16 kHz", clips, recogniser, target=17.0),
            _measure("µ-law", narrow, recogniser, target=25.0),
            _measure("16 kHz live", clips, recogniser, thorough=False),
            _measure("µ-law live", narrow, recogniser, thorough=False),
        ]
    finally:
        recogniser.close()
    for row in rows:
        print(row)
    return rows


def _measure(
    condition: str,
    clips: Sequence[tuple[Audio, str]],
    recogniser: Recogniser,
    *,
    target: float | None = None,
    thorough: bool = True,
) -> Row:
    simplify = opencc.OpenCC("t2s").convert
    edits = characters = 0
    cpu = seconds = 0.0
    for audio, reference in clips:
        before = time.process_time()
        heard = asyncio.run(
            transcribe(
                recogniser,
                audio.pcm,
                sample_rate=audio.sample_rate,
                language="zh",
                thorough=thorough,
            )
        )
        cpu += time.process_time() - before
        seconds += audio.duration_ms / 1000
        expected, actual = plain(simplify(reference)), plain(simplify(heard.text))
        edits += distance(expected, actual)
        characters += len(expected)
    return Row(
        condition=condition,
        clips=len(clips),
        seconds=seconds,
        cer=100 * edits / characters,
        target=target,
        cpu_rtf=cpu / seconds,
    )


def telephone(audio: Audio) -> Audio:
    """Return the sound as it arrives over a G.711 µ-law telephone line."""
    samples = np.frombuffer(audio.pcm, "<i2").astype(np.float32) / 32768
    narrow = np.asarray(soxr.resample(samples, audio.sample_rate, 8000))
    pcm = (np.clip(narrow, -1, 1) * 32767).astype("<i2").tobytes()
    return Audio(pcm=mulaw_to_pcm(pcm_to_mulaw(pcm)), sample_rate=8000)


def plain(text: str) -> str:
    """Reduce a text to what is compared."""
    return _NOT_TEXT.sub("", text).lower().translate(_NUMERALS)


def distance(expected: str, actual: str) -> int:
    """Return how many characters must be inserted, deleted or replaced (Levenshtein)."""
    row = list(range(len(actual) + 1))
    for i, wanted in enumerate(expected, 1):
        diagonal, row[0] = row[0], i
        for j, got in enumerate(actual, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (wanted != got))
    return row[-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--speech-data", type=Path, metavar="DIR")
    parser.add_argument("--model", default="whisper-base")
    options = parser.parse_args()
    measured = run(options.speech_data, model=options.model)
    sys.exit(0 if all(row.met for row in measured) else 1)
