"""The FunASR engine: a city's own speech server, reached over its WebSocket protocol.

The server runs a fast pass while the caller speaks and a better one at the end ("2pass"). It is an
engine like any other here: our gate decides when an utterance begins and ends, so each utterance is
one connection. Protocol: FunASR, runtime/docs/websocket_protocol.md.
"""

import asyncio
import json
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

import aiohttp
import msgspec
import numpy as np

from gateway.channel.speech import EngineInfo, Feature
from gateway.domain.transcript import TranscriptWord
from gateway.speech.catalogue import ModelError
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decode, Decoded, Effort
from gateway.speech.streaming import heard_whole

_T = TypeVar("_T")

_CONNECT_S = 5.0
_ANSWER_S = 20.0
_LARGEST = 1 << 20
_HOTWORD_WEIGHT = 20
_CURE = "check speech.server and that the FunASR server runs there"


class _Answer(msgspec.Struct, frozen=True):
    """One message of the server; ``timestamp`` is JSON within JSON: [[start, end], …] in ms."""

    text: str = ""
    mode: str = ""
    is_final: bool = False
    timestamp: str = ""


class FunasrEngine:
    """A client of one FunASR server; its network work runs on a thread of its own."""

    def __init__(self, url: str, *, languages: frozenset[str]) -> None:
        self._url = url
        self._info = EngineInfo(
            engine="funasr",
            model="server",
            languages=languages,
            features=frozenset({Feature.PARTIALS, Feature.WORDS, Feature.PUNCTUATION}),
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="speech-funasr", daemon=True
        )
        self._thread.start()
        self._http: aiohttp.ClientSession = self.perform(_opened(), _CONNECT_S)

    @property
    def info(self) -> EngineInfo:
        """Name the engine."""
        return self._info

    def decoder(
        self, *, language: str, hotwords: Sequence[str] = (), effort: Effort = Effort.USUAL
    ) -> Decode:
        """Prepare to recognise whole utterances of one speaker."""
        return partial(self._whole, language, tuple(hotwords))

    def stream(self, *, language: str, hotwords: Sequence[str]) -> "FunasrStream":
        """Begin an utterance; raise ModelError when the server is not there."""
        return self._begun(language, hotwords, mode="2pass")

    def close(self) -> None:
        """Hang up and stop the thread; harmless when done twice."""
        if not self._loop.is_running():
            return
        self.perform(self._http.close(), _CONNECT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def perform(self, work: Coroutine[Any, Any, _T], timeout_s: float) -> _T:
        """Do network work from a decoder's thread; raise ModelError when it fails or takes long."""
        future: Future[_T] = asyncio.run_coroutine_threadsafe(
            asyncio.wait_for(work, timeout_s), self._loop
        )
        try:
            return future.result()
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            reason = str(error) or "it does not answer in time"
            raise ModelError(f"the FunASR server cannot be used: {reason}", _CURE) from error

    def _whole(self, language: str, hotwords: tuple[str, ...], audio: Samples) -> Decoded | None:
        return heard_whole(self._begun(language, hotwords, mode="offline"), audio)

    def _begun(self, language: str, hotwords: Sequence[str], *, mode: str) -> "FunasrStream":
        code = language.partition("-")[0].lower()
        if code not in self._info.languages:
            known = ", ".join(sorted(self._info.languages))
            raise ModelError(
                f"the FunASR server is not set up for the language {language!r}",
                f"it speaks: {known}",
            )
        socket = self.perform(
            self._http.ws_connect(
                self._url, protocols=("binary",), max_msg_size=_LARGEST, autoping=True
            ),
            _CONNECT_S,
        )
        stream = FunasrStream(self, socket)
        stream.begin(mode, hotwords)
        return stream


class FunasrStream:
    """One utterance, one connection."""

    def __init__(self, engine: FunasrEngine, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._engine = engine
        self._socket = socket
        self._provisional = ""
        self._better: list[_Answer] = []

    def begin(self, mode: str, hotwords: Sequence[str]) -> None:
        """Tell the server what is coming."""
        words = {word: _HOTWORD_WEIGHT for word in hotwords}
        first = {
            "mode": mode,
            "wav_name": "call",
            "wav_format": "pcm",
            "audio_fs": RATE,
            "is_speaking": True,
            # The figures of the documentation: a fast pass every 600 ms.
            "chunk_size": [5, 10, 5],
            "chunk_interval": 10,
            # Numbers are written by the gateway, which keeps the raw text beside them.
            "itn": False,
            "hotwords": json.dumps(words, ensure_ascii=False) if words else "",
        }
        self._perform(self._socket.send_str(json.dumps(first, ensure_ascii=False)), _ANSWER_S)

    def hear(self, audio: Samples) -> str:
        """Send the next piece and return the provisional text that has arrived by now."""
        pcm = (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()
        self._perform(self._sent(pcm), _ANSWER_S)
        return "".join(one.text for one in self._better) + self._provisional

    def finish(self) -> Decoded | None:
        """End the utterance and wait for the better text."""
        try:
            self._perform(self._ended(), _ANSWER_S)
        finally:
            self._engine.perform(_closed(self._socket), _CONNECT_S)
        text = "".join(one.text for one in self._better).strip()
        if not text:
            return None
        return Decoded(text_raw=text, text=text, words=tuple(_words(self._better)))

    def _perform(self, work: Coroutine[Any, Any, None], timeout_s: float) -> None:
        try:
            self._engine.perform(work, timeout_s)
        except ModelError:
            self._engine.perform(_closed(self._socket), _CONNECT_S)
            raise

    async def _sent(self, pcm: bytes) -> None:
        await self._socket.send_bytes(pcm)
        while True:
            try:
                # What has arrived is taken; nothing is waited for.
                message = await asyncio.wait_for(self._socket.receive(), 0.001)
            except TimeoutError:
                return
            self._take(message)

    async def _ended(self) -> None:
        await self._socket.send_str(json.dumps({"is_speaking": False}))
        while not self._take(await self._socket.receive()):
            pass

    def _take(self, message: aiohttp.WSMessage) -> bool:
        """Note what the server says; True when it was the last of this utterance."""
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise aiohttp.ClientConnectionError("it closed the connection in an utterance")
        try:
            answer = msgspec.json.decode(message.data, type=_Answer)
        except msgspec.MsgspecError as error:
            raise aiohttp.ClientPayloadError(f"its answer is not understood: {error}") from error
        if answer.mode.endswith("offline"):
            self._better.append(answer)
            self._provisional = ""
            # Older servers mark no message as the last one; the better text always is.
            return True
        self._provisional += answer.text
        return answer.is_final


async def _opened() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


async def _closed(socket: aiohttp.ClientWebSocketResponse) -> None:
    await socket.close()


def _words(answers: Sequence[_Answer]) -> list[TranscriptWord]:
    """Return the characters with their times, where the server gives as many as there are."""
    words = []
    for answer in answers:
        try:
            times = msgspec.json.decode(answer.timestamp, type=tuple[tuple[int, int], ...])
        except msgspec.MsgspecError:
            continue
        spoken = [letter for letter in answer.text if letter.isalnum()]
        if len(spoken) == len(times):
            words += [
                TranscriptWord(text=letter, start_ms=start, end_ms=end)
                for letter, (start, end) in zip(spoken, times, strict=True)
            ]
    return words
