"""How soon what is said is on the screen, and how soon a finished call waits for an operator.

``python -m bench latency``: ``hotline serve`` with the demo's configuration and the default model,
one caller at a time over the media WebSocket in real time, a watcher of the live stream beside him.
Last word: the last frame with voice in the audio itself, at the moment it is sent; so the silence
that ends an utterance is part of the time. The caller says about half a minute with pauses and
hangs up with the last frame; the last recording's words are counted with the hang-up only. With
``HOTLINE_SPEECH_DATA`` (see ``bench/speech.py``) real people speak too. Meant for an idle machine:
the load is shown beside the figures.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.callers import Gateway, Held, LastWord, News, Statement, Watching, gateway
from bench.report import Options, Row, percentile
from bench.speech import DATA
from gateway.channel.speech import Unavailable
from gateway.demo.reaching import LINE_RATE, line_audio
from gateway.domain.g711 import mulaw_to_pcm, pcm_to_mulaw
from gateway.speech.endpointing import LIVE
from gateway.speech.loading import load_recogniser
from gateway.speech.transcription import transcribe

NAME = "latency"

_LAST_WORD_S = 1.0
_QUEUED_S = 2.0
_STATEMENT_MS = 30_000
_PAUSE_MS = 1800
_CALLERS = Path("config/demo/callers")
_MODEL = "whisper-base"
# Where the gate believes that a voice ended is some frames away from where its level fell.
_SAME_END_MS = 600
_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class _Heard:
    """A last word and what was told of it: the final text, and when its words were first shown."""

    word: LastWord
    final: News
    shown_s: float | None

    @property
    def late_s(self) -> float:
        """From the last frame of voice to the final text at the watcher."""
        return self.final.came_at - self.word.sent_at

    @property
    def gate_s(self) -> float:
        """How much later than the audio itself the gate puts the end of the voice."""
        return (int(self.final.data["end_ms"]) - self.word.end_ms) / 1000

    @property
    def way_s(self) -> float:
        """From the call that tells to the watcher."""
        return self.final.came_at - self.final.told_at


def measure(options: Options) -> Iterator[Row]:
    """Yield the rows."""
    clips = _clips()
    statements = list(_statements(clips, 2 if options.quick else 6))
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, gateway(Path(folder) / "gateway") as running:
        held, news = asyncio.run(_calls(running, statements))
    load = f"load {before:.1f} to {os.getloadavg()[0]:.1f}"
    heard, words = _matched(held, news)
    if not heard:
        raise RuntimeError("no last word has come out as a final text")
    alone = asyncio.run(_decoding(clips))
    _tell_where_the_time_goes(heard, alone)
    late = [one.late_s for one in heard]
    yield Row(
        what="last word → final text at the watcher, p95",
        measured=f"p50 {percentile(late, 0.5):.2f} s; {len(heard)} of {words} last words, {load}",
        yardstick=f"silence that ends it {LIVE.trailing_ms / 1000} s, decoding "
        f"p95 {percentile(alone, 0.95):.2f} s of CPU",
        ratio=percentile(late, 0.95),
        sense="≤",
        goal=_LAST_WORD_S,
        unit="s",
    )
    queued = _queued(held, news)
    yield Row(
        what=f"hang-up in mid-sentence → draft queued, {_STATEMENT_MS // 1000} s statement, p95",
        measured=f"p50 {percentile(queued, 0.5):.2f} s; {len(queued)} calls, {load}",
        yardstick="the goal",
        ratio=percentile(queued, 0.95),
        sense="≤",
        goal=_QUEUED_S,
        unit="s",
    )


def _clips() -> list[bytes]:
    """Return what callers say as it comes over a telephone line: Mandarin of the demo, and real."""
    paths = sorted(_CALLERS.glob("zh*.wav"))
    folder = os.environ.get(DATA)
    if folder and (manifest := Path(folder) / "manifest.json").is_file():
        entries = json.loads(manifest.read_text("utf-8"))
        paths += [Path(folder) / one["file"] for one in entries if one["lang"] == "zh"]
    return [mulaw_to_pcm(pcm_to_mulaw(line_audio(path))) for path in paths]


def _statements(clips: Sequence[bytes], number: int) -> Iterator[Statement]:
    place = 0
    for _ in range(number):
        said: list[bytes] = []
        statement = Statement(pcm=b"", ends_ms=())
        while statement.duration_ms < _STATEMENT_MS:
            said.append(clips[place % len(clips)])
            place += 1
            statement = Statement.of(said, pause_ms=_PAUSE_MS)
        yield statement


async def _calls(
    running: Gateway, statements: Sequence[Statement]
) -> tuple[list[Held], Sequence[News]]:
    held: list[Held] = []
    async with running.watched("transcript.*", "draft.queued") as watching:
        for number, statement in enumerate(statements):
            one = await running.hold(statement, sender=f"+86138001380{number:02}")
            held.append(one)
            await _until_queued(watching, one)
    return held, watching.news


async def _until_queued(watching: Watching, held: Held) -> None:
    def found(news: News) -> bool:
        return news.type == "draft.queued" and news.conversation == held.call_id

    if await watching.until(found, _PATIENCE_S) is None:
        raise RuntimeError(f"no draft was queued within {_PATIENCE_S:.0f} s of a call's end")


def _matched(held: Sequence[Held], news: Sequence[News]) -> tuple[list[_Heard], int]:
    """Find the final text of every last word but each call's last; and how many of them there are.

    A last word whose text never came, or whose utterance was cut elsewhere, has none.
    """
    heard, words = [], 0
    for call in held:
        told = [one for one in news if one.conversation == call.call_id]
        finals = [one for one in told if one.type == "transcript.final"]
        for word in call.last_words[:-1]:
            words += 1
            near = [one for one in finals if _near(one, word)]
            heard += [_Heard(word, one, _shown_s(one, word, told)) for one in near[:1]]
    return heard, words


def _near(final: News, word: LastWord) -> bool:
    return abs(int(final.data["end_ms"]) - word.end_ms) <= _SAME_END_MS


def _shown_s(final: News, word: LastWord, told: Sequence[News]) -> float | None:
    """When the final's very words were there provisionally, in seconds after the last word."""
    same = (
        one.came_at - word.sent_at
        for one in told
        if one.type == "transcript.partial"
        and one.data["start_ms"] == final.data["start_ms"]
        and one.data["text"] == final.data["text"]
    )
    return next(same, None)


def _queued(held: Sequence[Held], news: Sequence[News]) -> list[float]:
    queued = {one.conversation: one.came_at for one in news if one.type == "draft.queued"}
    return [queued[call.call_id] - call.hung_up_at for call in held]


async def _decoding(clips: Sequence[bytes]) -> list[float]:
    """CPU seconds that each recording takes to gate and decode at once: its time when idle."""
    recogniser = load_recogniser(_MODEL, workers=1, partials=False)
    if isinstance(recogniser, Unavailable):
        raise RuntimeError(f"{recogniser.reason}; {recogniser.cure}")  # noqa: TRY004
    taken = []
    try:
        for clip in (clips[0], *clips):  # the first time is warming up
            began = time.process_time()
            await transcribe(recogniser, clip, sample_rate=LINE_RATE, language="zh", thorough=False)
            taken.append(time.process_time() - began)
    finally:
        recogniser.close()
    return taken[1:]


def _tell_where_the_time_goes(heard: Sequence[_Heard], alone: Sequence[float]) -> None:
    silence = LIVE.trailing_ms / 1000
    shown = [one.shown_s for one in heard if one.shown_s is not None]
    rest = [one.late_s - one.way_s - one.gate_s - silence for one in heard]
    parts = {
        "last word → final text": [one.late_s for one in heard],
        "  of it: the gate sees the end later by": [one.gate_s for one in heard],
        f"  of it: the silence that ends an utterance, {silence} s; after it": rest,
        "  of it: from the call to the watcher": [one.way_s for one in heard],
        "the same words, provisionally": shown,
        "CPU of gating and decoding a whole recording, alone": alone,
    }
    for name, values in parts.items():
        if values:
            low, high = percentile(values, 0.5), percentile(values, 0.95)
            print(f"{name}: p50 {low:.2f} s, p95 {high:.2f} s ({len(values)})")
