"""A process that holds one engine and decodes what it is told: ``python -m gateway.speech.worker``.

It reads requests from its standard input and writes answers to what was its standard output; its
parent (``isolation.py``) is the only one who talks to it. Whatever a library prints goes to the
standard error.
"""

import os
import signal
import sys
from typing import BinaryIO

import numpy as np

from gateway.domain.errors import GatewayError
from gateway.speech.engine import Decode, Effort, Engine
from gateway.speech.wire import Answer, Recipe, Request, receive, send

_DECODERS = 64


def serve(engine: Engine, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    decoders: dict[tuple[str, tuple[str, ...], Effort], Decode] = {}
    while True:
        try:
            request: Request = receive(requests)
        except EOFError:
            return
        key = (request.language, request.hotwords, request.effort)
        try:
            if key not in decoders:
                if len(decoders) >= _DECODERS:
                    decoders.clear()
                decoders[key] = engine.decoder(
                    language=request.language, hotwords=request.hotwords, effort=request.effort
                )
            audio = np.frombuffer(request.audio, np.float32)
            answer = Answer(decoded=decoders[key](audio))
        except Exception as error:  # the process lives on; the utterance is lost
            answer = _failed(error)
        send(answers, answer)


def main() -> None:
    """Take the recipe, load the engine, say so, and serve."""
    # Ctrl-C reaches the whole group: the parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests = sys.stdin.buffer
    try:
        recipe: Recipe = receive(requests)
    except EOFError:
        return
    try:
        from gateway.speech.engines import load_engine

        engine = load_engine(recipe.model, recipe.folder, digest=recipe.digest, workers=1)
    except Exception as error:  # told to the parent, which knows what to do
        send(answers, _failed(error))
        return
    send(answers, Answer(info=engine.info))
    serve(engine, requests, answers)


def _failed(error: Exception) -> Answer:
    if isinstance(error, GatewayError):
        return Answer(failure=error.message, cure=error.cure)
    return Answer(failure=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
