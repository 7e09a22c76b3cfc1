"""A worker that crashes, hangs or talks nonsense costs one utterance; the next finds a new one."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.errors import GatewayError
from gateway.speech.catalogue import Model, ModelError
from gateway.speech.engine import Effort
from gateway.speech.isolation import DecodeError, IsolatedEngine, patience
from gateway.speech.wire import Recipe

# An engine whose mood is the first sample: it answers, fails, dies, hangs, or prints.
WORKER = """
import os, sys, time
import gateway.speech.engines as engines
from gateway.channel.speech import EngineInfo
from gateway.speech.engine import Decoded
from gateway.domain.errors import GatewayError
from gateway.speech import worker

class Moody:
    info = EngineInfo(engine="moody", model="tiny", languages=frozenset({"zh"}))
    def decoder(self, *, language, hotwords, effort):
        def decode(audio):
            mood = int(audio[0])
            if mood == 1: raise ValueError("no")
            if mood == 2: os._exit(9)
            if mood == 3: time.sleep(60)
            if mood == 4: print("chatter")
            if mood == 5: return None
            text = f"{os.getpid()} {language} {' '.join(hotwords)} {effort} {len(audio)}"
            return Decoded(text_raw=text, text=text)
        return decode

def load_engine(model, folder, *, digest, workers):
    if digest == "broken": raise GatewayError("it is broken", "mend it")
    if digest == "dies": os._exit(3)
    return Moody()

engines.load_engine = load_engine
worker.main()
"""
MODEL = Model(
    id="tiny",
    engine="whisper",
    languages=("zh",),
    bandwidth="wide",
    licence="MIT",
    note="",
    variants=(),
)


class Watched:
    """Counts what was noted."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def waited(self, seconds: float) -> None:
        pass

    def note(self, name: str, *, room: str | None = None) -> None:
        self.noted.append(name)


def sound(mood: int = 0, samples: int = 160) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(samples, mood, np.float32)


Make = Callable[..., IsolatedEngine]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[IsolatedEngine] = []

    def one(*, workers: int = 1, digest: str = "", **more: object) -> IsolatedEngine:
        recipe = Recipe(model=MODEL, folder=Path(), digest=digest)
        engine = IsolatedEngine(
            recipe,
            workers=workers,
            command=(sys.executable, "-c", WORKER),
            **more,  # type: ignore[arg-type]
        )
        made.append(engine)
        return engine

    yield one
    for engine in made:
        engine.close()


def test_an_utterance_is_decoded_in_another_process(make: Make) -> None:
    engine = make()
    decode = engine.decoder(language="zh-CN", hotwords=("经十路",), effort=Effort.SKETCH)
    heard = decode(sound())
    assert heard is not None
    pid, *asked = heard.text.split()
    assert int(pid) == engine.processes[0] != os.getpid()
    assert asked == ["zh-CN", "经十路", "sketch", "160"]


def test_nothing_heard_is_nothing_heard(make: Make) -> None:
    assert make().decoder(language="zh")(sound(5)) is None


def test_the_engine_introduces_itself_through_the_process(make: Make) -> None:
    engine = make()
    assert engine.info.engine == "moody"
    with pytest.raises(ModelError, match="does not know the language 'tlh'"):
        engine.decoder(language="tlh")


def test_what_a_library_prints_does_not_disturb_the_conversation(make: Make) -> None:
    decode = make().decoder(language="zh")
    assert decode(sound(4)) is not None
    assert decode(sound()) is not None


def test_an_error_inside_the_engine_keeps_the_process(make: Make) -> None:
    watch = Watched()
    engine = make(watch=watch)
    before = engine.processes
    with pytest.raises(GatewayError, match="ValueError: no"):
        engine.decoder(language="zh")(sound(1))
    assert engine.decoder(language="zh")(sound()) is not None
    assert engine.processes == before
    assert watch.noted == []


def test_a_crash_costs_one_utterance(make: Make) -> None:
    watch = Watched()
    engine = make(watch=watch)
    (before,) = engine.processes
    with pytest.raises(DecodeError, match="lost"):
        engine.decoder(language="zh")(sound(2))
    heard = engine.decoder(language="zh")(sound())
    assert heard is not None
    assert heard.text.split()[0] == str(engine.processes[0]) != str(before)
    assert watch.noted == ["speech.worker_lost"]


def test_a_process_killed_between_utterances_is_replaced_unnoticed(make: Make) -> None:
    engine = make()
    os.kill(engine.processes[0], signal.SIGKILL)
    while engine.processes:
        time.sleep(0.01)
    assert engine.decoder(language="zh")(sound()) is not None


def test_a_worker_that_hangs_is_killed_in_time(make: Make) -> None:
    engine = make(patience_of=lambda seconds, effort: 0.3)
    with pytest.raises(DecodeError, match="did not answer"):
        engine.decoder(language="zh")(sound(3))
    assert engine.processes == ()


def test_a_worker_that_stands_still_cannot_block_who_writes_to_it(make: Make) -> None:
    engine = make(patience_of=lambda seconds, effort: 0.3)
    os.kill(engine.processes[0], signal.SIGSTOP)
    # More than a pipe holds: without a limit the writer would wait for ever.
    with pytest.raises(DecodeError, match="did not answer"):
        engine.decoder(language="zh")(sound(samples=320_000))


def test_a_crash_of_one_worker_does_not_touch_the_other(make: Make) -> None:
    engine = make(workers=2)
    decode = engine.decoder(language="zh")
    with ThreadPoolExecutor(2) as threads:
        work = [threads.submit(decode, sound(mood)) for mood in (2, 0, 0, 2, 0, 0)]
        outcomes = [one.exception() for one in work]
    assert [type(one) for one in outcomes] == [
        *(DecodeError, type(None), type(None), DecodeError, type(None), type(None))
    ]


def test_a_model_that_does_not_load_says_why(make: Make) -> None:
    with pytest.raises(ModelError, match="it is broken"):
        make(digest="broken")


def test_a_process_that_dies_while_loading_is_a_model_that_does_not_load(make: Make) -> None:
    with pytest.raises(ModelError, match="speech model tiny does not load"):
        make(digest="dies")


def test_closing_ends_the_processes_and_every_later_decoding(make: Make) -> None:
    engine = make(workers=2)
    decode = engine.decoder(language="zh")
    engine.close()
    engine.close()
    assert engine.processes == ()
    with pytest.raises(DecodeError, match="shut down"):
        decode(sound())


def test_a_thorough_pass_is_given_more_time() -> None:
    assert patience(5, Effort.USUAL) == 25
    assert patience(5, Effort.THOROUGH) > patience(5, Effort.USUAL)
