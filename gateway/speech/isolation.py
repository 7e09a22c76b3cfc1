"""Decodes in processes of their own: an engine that crashes or hangs costs one utterance.

A library of native code can take its whole process with it, and no thread can be stopped that
never comes back. So each worker process holds an engine of its own and decodes one utterance at a
time; one that dies or takes too long is killed and started again, in the background of the next.
"""

import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from gateway.channel.speech import EngineInfo
from gateway.domain.errors import GatewayError
from gateway.speech.admission import Unwatched, Watch
from gateway.speech.catalogue import ModelError
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decode, Decoded, Effort
from gateway.speech.wire import Answer, Recipe, Request, receive, send

_log = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parents[2]
_LOADING_S = 120.0
_ENDING_S = 5.0
COMMAND = (sys.executable, "-m", "gateway.speech.worker")


class DecodeError(GatewayError):
    """A worker process was lost over an utterance."""


def patience(seconds: float, effort: Effort) -> float:
    """Return how long decoding so many seconds of sound may take at most, in seconds."""
    return (12.0 if effort is Effort.THOROUGH else 3.0) * seconds + 10.0


class IsolatedEngine:
    """An Engine of ``workers`` processes; its decoders are used by as many threads."""

    def __init__(
        self,
        recipe: Recipe,
        *,
        workers: int,
        command: Sequence[str] = COMMAND,
        patience_of: Callable[[float, Effort], float] = patience,
        watch: Watch | None = None,
    ) -> None:
        self._patience_of = patience_of
        self._watch = watch or Unwatched()
        self._free: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._all = [_Process(recipe, command) for _ in range(workers)]
        self._closed = threading.Event()
        try:
            # All begin to load before the first is waited for.
            for process in self._all:
                process.start()
            infos = [process.ready() for process in self._all]
        except BaseException:
            self.close()
            raise
        self._info = infos[0]
        for process in self._all:
            self._free.put(process)

    @property
    def info(self) -> EngineInfo:
        """Name the engine and its model."""
        return self._info

    def decoder(
        self, *, language: str, hotwords: Sequence[str] = (), effort: Effort = Effort.USUAL
    ) -> Decode:
        """Prepare to recognise one speaker; raise ModelError for a language it does not know."""
        known = self._info.languages
        if known and language.partition("-")[0].lower() not in known:
            raise ModelError(
                f"speech model {self._info.model} does not know the language {language!r}",
                "give a language tag such as zh or en",
            )
        return partial(self._decode, language=language, hotwords=tuple(hotwords), effort=effort)

    def close(self) -> None:
        """End the processes; harmless when done twice."""
        self._closed.set()
        for process in self._all:
            process.end()

    @property
    def processes(self) -> tuple[int, ...]:
        """The ids of the worker processes that run."""
        return tuple(pid for process in self._all if (pid := process.pid) is not None)

    def _decode(
        self, audio: Samples, *, language: str, hotwords: tuple[str, ...], effort: Effort
    ) -> Decoded | None:
        request = Request(
            language=language,
            hotwords=hotwords,
            effort=effort,
            audio=audio.astype("<f4", copy=False).tobytes(),
        )
        process = self._free.get()
        try:
            if self._closed.is_set():
                raise DecodeError("recognition is shut down", "start the gateway again")
            return process.decode(request, self._patience_of(len(audio) / RATE, effort))
        except DecodeError:
            self._watch.note("speech.worker_lost")
            raise
        finally:
            self._free.put(process)


class _Process:
    """One worker, started again whenever it is needed and not there."""

    def __init__(self, recipe: Recipe, command: Sequence[str]) -> None:
        self._recipe = recipe
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._loaded = False

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def start(self) -> None:
        """Begin to load."""
        paths = (str(_ROOT), os.environ.get("PYTHONPATH", ""))
        self._child = subprocess.Popen(  # noqa: S603 - our own program
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=-1,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        )
        self._loaded = False
        try:
            send(_open(self._child.stdin), self._recipe)
        except OSError as error:
            self.kill()
            raise DecodeError("a speech worker ended while starting", _CURE) from error

    def ready(self) -> EngineInfo:
        """Wait until the engine is loaded; raise ModelError when it does not load."""
        try:
            with self._limit(_LOADING_S):
                answer = self._answer()
        except DecodeError as error:
            self.kill()
            raise ModelError(
                f"speech model {self._recipe.model.id} does not load: {error.message}",
                f"run: hotline models verify {self._recipe.model.id}",
            ) from error
        if answer.info is None:
            self.kill()
            raise ModelError(answer.failure or "the speech worker did not start", answer.cure)
        self._loaded = True
        return answer.info

    def decode(self, request: Request, patience_s: float) -> Decoded | None:
        """Decode within ``patience_s``; raise DecodeError when the process is lost over it."""
        if self.pid is None:
            self.kill()  # what is left of it: its pipes
            self.start()
        if not self._loaded:
            self.ready()
        assert self._child is not None  # noqa: S101 - start() made it
        try:
            with self._limit(patience_s):
                send(_open(self._child.stdin), request)
                answer = self._answer()
        except (OSError, DecodeError) as error:
            self.kill()
            what = error.message if isinstance(error, DecodeError) else "it is gone"
            raise DecodeError(
                f"a speech worker was lost over an utterance: {what}", _CURE
            ) from error
        if answer.failure is not None:
            raise GatewayError(answer.failure, answer.cure or _CURE)
        return answer.decoded

    @contextmanager
    def _limit(self, seconds: float) -> Iterator[None]:
        """Kill the process when it takes longer: whoever waits for it then finds it gone."""
        child = self._child
        assert child is not None  # noqa: S101 - asked only of a running process
        timer = threading.Timer(seconds, child.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, DecodeError):
            if not timer.is_alive():
                raise DecodeError(f"it did not answer within {seconds:.0f} s", _CURE) from None
            raise
        finally:
            timer.cancel()

    def kill(self) -> None:
        """Make an end of it at once."""
        child, self._child = self._child, None
        self._loaded = False
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            _shut(pipe)

    def end(self) -> None:
        """Let it end by itself, or make an end of it."""
        child = self._child
        if child is None:
            return
        _shut(child.stdin)
        try:
            child.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            _log.warning("a speech worker did not end in time")
        self.kill()

    def _answer(self) -> Answer:
        assert self._child is not None  # noqa: S101 - asked only of a running process
        try:
            answer = receive(_open(self._child.stdout))
        except EOFError as error:
            raise DecodeError("it ended", _CURE) from error
        if not isinstance(answer, Answer):
            raise DecodeError("it answered nonsense", _CURE)
        return answer


_CURE = "the gateway goes on with a new worker; look into the log when it happens often"


def _open(pipe: Any) -> Any:
    if pipe is None:
        raise DecodeError("it has no pipe", _CURE)
    return pipe


def _shut(pipe: Any) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except OSError:
        pass
