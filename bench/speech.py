"""How well the default model hears real Mandarin on a telephone, and what that takes.

Run ``python -m bench speech`` with the folder of recordings in ``HOTLINE_SPEECH_DATA``. It holds
``manifest.json`` (a list of objects with ``file``, ``lang``, ``text``) beside the WAV files. Each
recording goes through the whole path of a call: resampling, voice activity, engine. The yardstick
is faster-whisper as it comes, in the same run, with the same weights and the same sound.

Character error rate: edits over characters, after removing punctuation and space, in simplified
characters, with digits written as Chinese numerals one by one. CPU-RTF: CPU seconds of the process
for each second of sound, the number to trust on a busy machine.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import opencc
import psutil
import soxr

from bench.report import Options, Row, percentile
from bench.sounds import SOUNDS
from gateway.channel.speech import Final, Partial, Unavailable
from gateway.domain.g711 import mulaw_to_pcm, pcm_to_mulaw
from gateway.speech.audio import Audio, read_audio
from gateway.speech.catalogue import ModelError
from gateway.speech.engine import Effort
from gateway.speech.line import Line, over
from gateway.speech.listening import GatedSession
from gateway.speech.loading import default_models_folder, load_recogniser
from gateway.speech.session import GatedRecogniser
from gateway.speech.transcription import transcribe

NAME = "speech"

DATA = "HOTLINE_SPEECH_DATA"
_MODEL = "whisper-base"
_LANGUAGE = "zh"
_NUMERALS = str.maketrans("0123456789", "零一二三四五六七八九")
_NOT_TEXT = re.compile(r"[\W_]+")
_FRAME_MS = 20
_BREATH_MS = 100
_TICK_S = 0.005
# Where the frames fall changes single characters: a recording is heard more than once.
_LEADS_MS = (0, 40, 94)
_LINES = ((Line.AS_RECORDED, 14.0), (Line.MULAW, 23.0), (Line.ALAW, 23.0))

Clip = tuple[Audio, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """What one way of recognising made of all recordings."""

    cer: float
    cpu_rtf: float


def measure(options: Options) -> Iterator[Row]:
    """Yield the rows; none, and a line with the reason, without recordings or model."""
    clips = recordings()
    if not clips:
        return
    yield from _accuracy(clips, framings=1 if options.quick else len(_LEADS_MS))
    yield _together(clips)
    yield from _capacity(clips, options)
    yield from _sounds()
    yield _latency(clips[:4] if options.quick else clips)
    yield _loop_lag(clips)
    yield _memory(clips, 100 if options.quick else 1000)


def recordings() -> list[Clip]:
    """Return the Mandarin recordings, or none and a line that says why."""
    folder = Path(os.environ.get(DATA, ""))
    if not (folder / "manifest.json").is_file():
        print(f"speech: skipped, no manifest.json in {folder}; set {DATA}")
        return []
    entries = json.loads((folder / "manifest.json").read_text("utf-8"))
    return [
        (read_audio(folder / entry["file"]), str(entry["text"]))
        for entry in entries
        if entry["lang"] == _LANGUAGE
    ]


def _loaded(*, partials: bool = True, isolated: bool = False, workers: int = 1) -> GatedRecogniser:
    recogniser = load_recogniser(_MODEL, workers=workers, partials=partials, isolated=isolated)
    if isinstance(recogniser, Unavailable):
        raise ModelError(recogniser.reason, recogniser.cure)
    return recogniser


# --- errors and their price


def _accuracy(clips: Sequence[Clip], *, framings: int) -> Iterator[Row]:
    recogniser = _loaded(partials=False)
    try:
        for line, goal in _LINES:
            there = [
                (over(line, _later(audio, lead)), text)
                for audio, text in clips
                for lead in _LEADS_MS[:framings]
            ]
            usual = _judged(there, lambda audio: _text(recogniser, audio, thorough=False))
            thorough = _judged(there, lambda audio: _text(recogniser, audio, thorough=True))
            as_it_comes = _judged(there, _faster_whisper())
            beside = f"faster-whisper as it comes {as_it_comes.cer:.1f} %"
            yield Row(
                what=f"Mandarin, {line.value}, character errors of finals",
                measured=f"{usual.cer:.1f} % (second pass {thorough.cer:.1f} %)",
                yardstick=f"{beside}, {len(clips)} recordings, heard {framings} times",
                ratio=usual.cer,
                sense="≤",
                goal=goal,
                unit="%",
            )
            yield Row(
                what=f"Mandarin, {line.value}, CPU-RTF of finals",
                measured=f"{usual.cpu_rtf:.3f} (second pass {thorough.cpu_rtf:.3f})",
                yardstick=f"faster-whisper as it comes {as_it_comes.cpu_rtf:.3f}",
                ratio=usual.cpu_rtf,
                sense="≤",
                goal=0.08,
                unit="",
            )
    finally:
        recogniser.close()


def _together(clips: Sequence[Clip]) -> Row:
    """Two people in one utterance, with no more than a breath between them."""
    breath = bytes(2 * 8000 * _BREATH_MS // 1000)
    heard = [(over(Line.MULAW, audio), text) for audio, text in clips]
    pairs = [
        (Audio(pcm=first.pcm + breath + second.pcm, sample_rate=8000), one + other)
        for step in (1, 5)
        for (first, one), (second, other) in zip(heard, (*heard[step:], *heard[:step]), strict=True)
    ]
    recogniser = _loaded(partials=False)
    try:
        ours = _judged(pairs, lambda audio: _text(recogniser, audio, thorough=False))
    finally:
        recogniser.close()
    as_it_comes = _judged(pairs, _faster_whisper())
    return Row(
        what="two people in one utterance, character errors of finals",
        measured=f"{ours.cer:.1f} %",
        yardstick=f"faster-whisper as it comes {as_it_comes.cer:.1f} %, {len(pairs)} pairs, µ-law",
        ratio=ours.cer / as_it_comes.cer,
        sense="≤",
        goal=1.1,
    )


def _judged(clips: Sequence[Clip], hear: Callable[[Audio], str]) -> Heard:
    simplify = opencc.OpenCC("t2s").convert
    hear(clips[0][0])  # what is loaded when first needed is not counted
    edits = characters = 0
    cpu = seconds = 0.0
    for audio, reference in clips:
        before = time.process_time()
        text = hear(audio)
        cpu += time.process_time() - before
        seconds += audio.duration_ms / 1000
        expected, actual = plain(simplify(reference)), plain(simplify(text))
        edits += distance(expected, actual)
        characters += len(expected)
    return Heard(cer=100 * edits / characters, cpu_rtf=cpu / seconds)


def _text(recogniser: GatedRecogniser, audio: Audio, *, thorough: bool) -> str:
    heard = asyncio.run(
        transcribe(
            recogniser,
            audio.pcm,
            sample_rate=audio.sample_rate,
            language=_LANGUAGE,
            thorough=thorough,
        )
    )
    return heard.text


def _faster_whisper() -> Callable[[Audio], str]:
    from faster_whisper import WhisperModel

    model = WhisperModel(
        str(default_models_folder() / _MODEL), device="cpu", compute_type="int8", cpu_threads=1
    )

    def hear(audio: Audio) -> str:
        samples = np.frombuffer(audio.pcm, "<i2").astype(np.float32) / 32768
        if audio.sample_rate != 16_000:
            samples = np.asarray(soxr.resample(samples, audio.sample_rate, 16_000), np.float32)
        segments, _ = model.transcribe(samples, language=_LANGUAGE)
        return "".join(segment.text for segment in segments)

    return hear


def _later(audio: Audio, lead_ms: int) -> Audio:
    """Return the recording after some silence: its frames then fall elsewhere in the sound."""
    lead = bytes(2 * audio.sample_rate * lead_ms // 1000)
    return Audio(pcm=lead + audio.pcm, sample_rate=audio.sample_rate)


# --- how many speak at once


def _capacity(clips: Sequence[Clip], options: Options) -> Iterator[Row]:
    chosen = clips[:6] if options.quick else clips
    for partials, goal in ((False, 15.0), (True, 4.0)):
        recogniser = _loaded(partials=partials)
        try:
            speech = [over(Line.MULAW, audio) for audio, _ in chosen]
            asyncio.run(_fed_at_once(recogniser, speech[0]))
            before = time.process_time()
            shown = sum(asyncio.run(_fed_at_once(recogniser, audio)) for audio in speech)
            cpu = time.process_time() - before
        finally:
            recogniser.close()
        seconds = sum(audio.duration_ms for audio in speech) / 1000
        yield Row(
            what="people speaking at once a core, "
            + ("with provisional texts" if partials else "finals only"),
            measured=f"{seconds / cpu:.1f} speakers, {shown} provisional texts",
            yardstick="speech without a pause, µ-law",
            ratio=seconds / cpu,
            sense="≥",
            goal=goal,
            unit="",
        )


async def _fed_at_once(recogniser: GatedRecogniser, audio: Audio) -> int:
    """Feed frame by frame, each when all work on the last is done; return the partials' number."""
    session = recogniser.session(sample_rate=audio.sample_rate, language=_LANGUAGE)
    step = 2 * audio.sample_rate * _FRAME_MS // 1000
    shown = 0
    for at in range(0, len(audio.pcm), 10 * step):
        events = await session.feed(audio.pcm[at : at + 10 * step])
        await settled(session)
        shown += sum(isinstance(event, Partial) for event in events)
    shown += sum(isinstance(event, Partial) for event in await session.finish())
    return shown


async def settled(session: GatedSession) -> None:
    """Wait until a session has nothing to do."""
    while session.busy:
        await asyncio.sleep(0.002)


# --- what is no speech


def _sounds() -> Iterator[Row]:
    recogniser = _loaded()
    words = 0
    slowest = 0.0
    try:
        for sound in SOUNDS.values():
            pcm = (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
            audio = Audio(pcm=mulaw_to_pcm(pcm_to_mulaw(pcm)), sample_rate=8000)
            for thorough in (False, True):
                words += len(plain(_text(recogniser, audio, thorough=thorough)))
            samples = np.frombuffer(audio.pcm, "<i2").astype(np.float32) / 32768
            wide = np.asarray(soxr.resample(samples, 8000, 16_000), np.float32)
            decode = recogniser.engine.decoder(language=_LANGUAGE, hotwords=(), effort=Effort.USUAL)
            before = time.perf_counter()
            decode(wide)
            slowest = max(slowest, (time.perf_counter() - before) / (len(wide) / 16_000))
    finally:
        recogniser.close()
    yield Row(
        what="silence, noise, tones, keys, music: characters in a transcript",
        measured=f"{words} characters",
        yardstick=f"{len(SOUNDS)} sounds, µ-law, both passes",
        ratio=words,
        sense="≤",
        goal=0,
        unit="",
    )
    yield Row(
        what="the same past the gate: slowest decode",
        measured=f"{slowest:.2f} of real time",
        yardstick="real time",
        ratio=slowest,
        sense="≤",
        goal=1.0,
        unit="",
    )


# --- in real time


def _latency(clips: Sequence[Clip]) -> Row:
    recogniser = _loaded(isolated=True)
    try:
        waits = [
            wait
            for audio, _ in clips
            for wait in asyncio.run(_lived(recogniser, over(Line.MULAW, audio)))
        ]
    finally:
        recogniser.close()
    worst = percentile(waits, 0.95)
    return Row(
        what="last word to its final text, 95th percentile",
        measured=f"{worst:.2f} s, median {percentile(waits, 0.5):.2f} s",
        yardstick="0.7 s of it is the silence that ends an utterance",
        ratio=worst,
        sense="≤",
        goal=1.0,
        unit="s",
    )


async def _lived(recogniser: GatedRecogniser, audio: Audio, tail_ms: int = 2500) -> list[float]:
    """Feed in real time; return how long after each utterance's last sound its text was there."""
    session = recogniser.session(sample_rate=audio.sample_rate, language=_LANGUAGE)
    pcm = audio.pcm + bytes(2 * audio.sample_rate * tail_ms // 1000)
    step = 2 * audio.sample_rate * _FRAME_MS // 1000
    began = time.monotonic()
    waits = []
    for place, at in enumerate(range(0, len(pcm), step)):
        await asyncio.sleep(max(0.0, began + (place + 1) * _FRAME_MS / 1000 - time.monotonic()))
        for event in await session.feed(pcm[at : at + step]):
            if isinstance(event, Final):
                waits.append(time.monotonic() - began - event.segment.end_ms / 1000)
    await session.finish()
    return waits


def _loop_lag(clips: Sequence[Clip]) -> Row:
    cores = len(os.sched_getaffinity(0))
    late = asyncio.run(_lag(clips, cores))
    worst = 1000 * percentile(late, 0.99)
    return Row(
        what="lag of the event loop while every core decodes, 99th percentile",
        measured=f"{worst:.1f} ms, median {1000 * percentile(late, 0.5):.1f} ms",
        yardstick=f"{cores} workers, {3 * cores} calls in real time",
        ratio=worst,
        sense="≤",
        goal=20.0,
        unit="ms",
    )


async def _lag(clips: Sequence[Clip], cores: int) -> list[float]:
    recogniser = await asyncio.to_thread(_loaded, isolated=True, workers=cores)
    try:
        async with _ticking() as late, asyncio.TaskGroup() as calls:
            for number in range(3 * cores):
                audio = over(Line.MULAW, clips[number % len(clips)][0])
                calls.create_task(_lived(recogniser, audio))
    finally:
        await asyncio.to_thread(recogniser.close)
    return late


@asynccontextmanager
async def _ticking() -> AsyncIterator[list[float]]:
    late: list[float] = []

    async def tick() -> None:
        while True:
            due = time.monotonic() + _TICK_S
            await asyncio.sleep(_TICK_S)
            late.append(time.monotonic() - due)

    task = asyncio.create_task(tick())
    try:
        yield late
    finally:
        task.cancel()


def _memory(clips: Sequence[Clip], utterances: int) -> Row:
    recogniser = _loaded(isolated=True)
    shortest = min((audio for audio, _ in clips), key=lambda audio: audio.duration_ms)
    audio = over(Line.MULAW, shortest)
    sizes = []
    try:
        for _ in range(utterances):
            _text(recogniser, audio, thorough=False)
            sizes.append(_resident())
    finally:
        recogniser.close()
    early = sizes[utterances // 5]
    return Row(
        what=f"memory after {utterances} utterances, of that after a fifth of them",
        measured=f"{sizes[-1] / 1e6:.0f} MB",
        yardstick=f"{early / 1e6:.0f} MB, worker and gateway",
        ratio=sizes[-1] / early,
        sense="≤",
        goal=1.05,
    )


def _resident() -> int:
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(process.memory_info().rss for process in processes)


# --- how texts are compared


def telephone(audio: Audio) -> Audio:
    """Return the sound as it arrives over a G.711 µ-law telephone line."""
    return over(Line.MULAW, audio)


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
