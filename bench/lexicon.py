"""What the words of the city are worth where they fit, and what they cost where they do not.

Run ``python -m bench lexicon`` with the folder of recordings in ``HOTLINE_SPEECH_DATA`` (see
bench/speech.py). Every recording goes through a G.711 µ-law line first.

The lexicon is the example of config/lexicon with three branches of a menu added. Each branch has
eight words: one term, chosen by hand from the reference text, of each sentence that belongs to it,
and other words of its subject. So a sentence's own term stands among more than ninety words that
are not said, some twenty of which the engine has room for. "Fitting": a call in the branch its
subject belongs to, over the sentences that hold one of the terms. "Unfitting": every recording as a
call in a branch it has nothing to do with.

Without recordings only the search by sound is measured: 20,000 names against a sentence of 100
characters, on names and text made of random syllables.
"""

import asyncio
import json
import os
import random
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bench.report import Options, Row
from bench.speech import DATA
from gateway.channel.speech import Unavailable
from gateway.speech.audio import Audio, read_audio
from gateway.speech.lexicon import Lexicon, load_lexicon
from gateway.speech.line import Line, over
from gateway.speech.loading import load_recogniser
from gateway.speech.scoring import Score, Scorer
from gateway.speech.transcription import transcribe
from gateway.understanding import Places

NAME = "lexicon"

_EXAMPLE = Path(__file__).parents[1] / "config" / "lexicon" / "jinan.yaml"
_BRANCHES: Mapping[str, tuple[str, ...]] = {
    "经济": (
        *("营业执照", "库存环比", "发票", "苹果", "个体户", "爬坡过坎", "税务局", "每日经济新闻"),
    ),
    "土地": (
        *("宅基地", "村委会", "土地承包经营权", "征地公告", "拆迁补偿", "使用年限", "农业农村局"),
        "产权证",
    ),
    "文体": (
        *("体育馆", "图书馆", "体育运动", "健身器材", "演唱会", "陈妍希", "广场舞", "文化馆"),
    ),
}
_ELSEWHERE = "供暖"
_NAMES = 20_000
_SENTENCE = 100

Clip = tuple[Audio, str]


def measure(options: Options) -> Iterator[Row]:
    """Yield what a fitting and an unfitting lexicon do, and how long the search by sound takes."""
    yield _search()
    folder = Path(os.environ.get(DATA, ""))
    if not (folder / "manifest.json").is_file():
        print(f"lexicon: recordings skipped, no manifest.json in {folder}; set {DATA}")
        return
    example = load_lexicon([_EXAMPLE], jurisdiction="370100")
    city = replace(example, by_topic={**example.by_topic, **_BRANCHES})
    clips = list(_clips(folder))
    fitting = [clip for clip in clips if _branch(clip[1]) is not None]
    bare, told = _heard(Lexicon(), clips), _heard(city, fitting)
    elsewhere = _heard(city, clips, branch=_ELSEWHERE)
    if bare is None or told is None or elsewhere is None:
        return
    without = _sum(bare[said] for _, said in fitting)
    with_words = _sum(told[said] for _, said in fitting)
    yield Row(
        what="Sentences with words of their branch, telephone, character errors with a lexicon",
        measured=_text(with_words),
        yardstick=f"{_text(without)} without, {len(fitting)} recordings",
        ratio=with_words.edits / max(without.edits, 1),
        sense="≤",
        goal=0.8,
    )
    before, after = _sum(bare.values()), _sum(elsewhere.values())
    yield Row(
        what="Recordings with a lexicon that does not fit, telephone, rise of the error rate",
        measured=_text(after),
        yardstick=f"{_text(before)} without, {len(clips)} recordings",
        ratio=100 * ((after.error_rate or 0) - (before.error_rate or 0)),
        sense="≤",
        goal=1,
        unit="points",
    )


def _clips(folder: Path) -> Iterator[Clip]:
    for entry in json.loads((folder / "manifest.json").read_text("utf-8")):
        if entry["lang"] == "zh":
            yield over(Line.MULAW, read_audio(folder / entry["file"])), str(entry["text"])


def _branch(said: str) -> str | None:
    """Return the branch one of whose words is said."""
    return next(
        (name for name, words in _BRANCHES.items() if any(word in said for word in words)), None
    )


def _heard(
    lexicon: Lexicon, clips: Iterable[Clip], *, branch: str | None = None
) -> dict[str, Score] | None:
    """Return the score of every clip by what is said in it; None without a model."""
    recogniser = load_recogniser("whisper-base", workers=1, lexicon=lexicon)
    if isinstance(recogniser, Unavailable):
        print(f"lexicon: skipped, {recogniser.reason}; {recogniser.cure}")
        return None
    scorer = Scorer("zh")
    try:
        return {
            said: scorer.score(
                said,
                asyncio.run(
                    transcribe(
                        recogniser,
                        audio.pcm,
                        sample_rate=audio.sample_rate,
                        language="zh",
                        topic=branch or _branch(said),
                    )
                ).text,
            )
            for audio, said in clips
        }
    finally:
        recogniser.close()


def _sum(scores: Iterable[Score]) -> Score:
    return sum(scores, Score())


def _text(score: Score) -> str:
    return f"{100 * (score.error_rate or 0):.1f} % ({score.edits} of {score.characters})"


def _search() -> Row:
    pick = random.Random(20261121)
    characters = [chr(code) for code in range(0x4E00, 0x9000, 7)]
    kinds = ("路", "街道", "社区", "小区", "村")
    places = Places(
        "".join(pick.choices(characters, k=pick.randint(2, 4))) + pick.choice(kinds)
        for _ in range(_NAMES)
    )
    texts = ["".join(pick.choices(characters, k=_SENTENCE)) for _ in range(40)]
    for text in texts:
        places.by_sound(text)  # how each character reads is looked up once in a process's life
    times = []
    for text in texts:
        before = time.process_time()
        places.by_sound(text)
        times.append(1000 * (time.process_time() - before))
    return Row(
        what=f"Places by sound, {_SENTENCE} characters against {_NAMES:,} names",
        measured=f"{statistics.median(times):.1f} ms of the processor",
        yardstick="5 ms",
        ratio=statistics.median(times),
        sense="≤",
        goal=5,
        unit="ms",
    )
