"""Measures a recogniser on recordings whose words are known, over several telephone lines."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.channel.speech import Recogniser
from gateway.domain.errors import GatewayError
from gateway.speech.audio import Audio, AudioError
from gateway.speech.line import Line, over
from gateway.speech.scoring import Score, Scorer
from gateway.speech.transcription import transcribe

TEXT_LIMIT = 1 << 20
_SOUNDS = frozenset(
    (
        *(".wav", ".amr", ".silk", ".slk", ".opus", ".ogg", ".oga", ".mp3", ".m4a", ".mp4"),
        *(".3gp", ".aac", ".flac", ".webm", ".caf", ".wma"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A recording and the words that are said in it."""

    path: Path
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One row: a model on one line, with or without the words of the city."""

    model: str
    lexicon: bool
    line: Line
    files: int
    seconds: float
    cpu_seconds: float
    score: Score

    @property
    def cpu_rtf(self) -> float:
        """Processor seconds for one second of sound."""
        return self.cpu_seconds / self.seconds if self.seconds else 0.0


def samples_in(folder: Path) -> tuple[list[Sample], list[AudioError]]:
    """Return the recordings of ``folder`` beside which a ``.txt`` says their words.

    What has no partner, or an unusable one, is in the second list. Raise AudioError when there is
    no such folder.
    """
    if not folder.is_dir():
        raise AudioError(f"{folder}: not a folder", "give a folder with recordings and .txt files")
    good: list[Sample] = []
    bad: list[AudioError] = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _SOUNDS:
            continue
        try:
            good.append(Sample(path=path, said=_words(path.with_suffix(".txt"))))
        except AudioError as error:
            bad.append(error)
    return good, bad


def _words(path: Path) -> str:
    cure = "write the words of the recording into it, as UTF-8"
    try:
        with path.open("rb") as file:
            raw = file.read(TEXT_LIMIT + 1)
        text = raw.decode("utf-8-sig").strip()
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}", cure) from error
    except UnicodeDecodeError:
        raise AudioError(f"{path}: is not UTF-8 text", cure) from None
    if len(raw) > TEXT_LIMIT:
        raise AudioError(
            f"{path}: larger than {TEXT_LIMIT >> 20} MiB", "give one recording's words"
        )
    if not text:
        raise AudioError(f"{path}: is empty", cure)
    return text


def measure(
    recogniser: Recogniser,
    clips: Sequence[tuple[Audio, str]],
    *,
    lines: Sequence[Line],
    scorer: Scorer,
    language: str,
    lexicon: bool,
    failed: "list[GatewayError]",
) -> Iterator[Measured]:
    """Measure on every line in turn; each clip is a recording with its words.

    An utterance that the engine fails on ends the clip's part, and the failure is added to
    ``failed``.
    """
    for line in lines:
        total, seconds, cpu, files = Score(), 0.0, 0.0, 0
        for audio, said in clips:
            heard_over = over(line, audio)
            before = time.process_time()
            try:
                heard = asyncio.run(
                    transcribe(
                        recogniser,
                        heard_over.pcm,
                        sample_rate=heard_over.sample_rate,
                        language=language,
                    )
                )
            except GatewayError as error:
                failed.append(error)
                continue
            cpu += time.process_time() - before
            seconds += audio.duration_ms / 1000
            total += scorer.score(said, heard.text)
            files += 1
        yield Measured(
            model=recogniser.info.model,
            lexicon=lexicon,
            line=line,
            files=files,
            seconds=seconds,
            cpu_seconds=cpu,
            score=total,
        )
