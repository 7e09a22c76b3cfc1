"""Asterisk's REST interface: commands over HTTP, events over a WebSocket that always comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import (
    ClientConnectionError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    WSMsgType,
    encode_basic_auth,
)

from channels.voice.asterisk.messages import EVENTS, BadEvent, Bridge, Channel, Event, event
from channels.voice.config import PbxSettings
from gateway.channel.ports import Log

COMMAND_LIMIT_S = 5.0
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_LARGEST_EVENT = 256 * 1024
# Asterisk answers a ping of ours; a dead connection is noticed within about this time and a half.
_HEARTBEAT_S = 10.0
# A frame of the media line has 320 bytes, a control message a few hundred.
_LARGEST_MEDIA = 64 * 1024


class AriError(Exception):
    """A command that was not carried out; ``status`` is 0 when there was no answer at all."""

    def __init__(self, what: str, status: int = 0) -> None:
        super().__init__(f"{what}: {status or 'no answer'}")
        self.status = status


class Ari:
    """One user's connection to one Asterisk, for one application name."""

    def __init__(self, http: ClientSession, settings: PbxSettings, log: Log) -> None:
        self._http = http
        self._url = settings.url.rstrip("/")
        self._app = settings.app
        self._log = log
        proof = encode_basic_auth(settings.user, settings.password.get_secret_value())
        self._headers = {"Authorization": proof}
        self.connected = False

    # --- commands

    async def command(self, method: str, path: str, **given: str | int) -> Any:
        """Carry out one command and return the JSON of its answer; raises ``AriError``."""
        return await self._ask(method, path, given)

    async def set_variables(self, channel: str, values: Mapping[str, str]) -> None:
        """Set variables of a channel; raises ``AriError``."""
        for name, value in values.items():
            await self.command("POST", f"channels/{channel}/variable", variable=name, value=value)

    async def channels(self) -> Sequence[Channel]:
        """Return every channel there is; raises ``AriError``."""
        return msgspec.convert(await self.command("GET", "channels"), list[Channel])

    async def bridges(self) -> Sequence[Bridge]:
        """Return every bridge there is; raises ``AriError``."""
        return msgspec.convert(await self.command("GET", "bridges"), list[Bridge])

    async def ping(self) -> None:
        """Raise ``AriError`` unless Asterisk is up and knows us."""
        await self.command("GET", "asterisk/ping")

    async def has_module(self, name: str) -> bool:
        """Tell whether a module is loaded and running; raises ``AriError``."""
        try:
            answer = await self.command("GET", f"asterisk/modules/{name}")
        except AriError as error:
            if error.status == 404:
                return False
            raise
        return bool(answer.get("status") == "Running")

    async def _ask(
        self, method: str, path: str, given: Mapping[str, str | int], body: object = None
    ) -> Any:
        try:
            async with self._http.request(
                method, f"{self._url}/ari/{path}", params=given, json=body, headers=self._headers
            ) as answer:
                content = await answer.read()
                if answer.status >= 300:
                    raise AriError(f"{method} {path.partition('/')[0]}", answer.status)
        except (ClientError, TimeoutError, OSError) as error:
            raise AriError(f"{method} {path.partition('/')[0]}: {type(error).__name__}") from None
        try:
            return msgspec.json.decode(content) if content else None
        except msgspec.DecodeError:
            raise AriError(f"{method} {path.partition('/')[0]}: not JSON") from None

    # --- sockets

    async def media(self, connection: str) -> ClientWebSocketResponse:
        """Connect to the media of a channel that waits for us; raises ``AriError``."""
        address = "ws" + self._url.removeprefix("http") + f"/media/{connection}"
        try:
            return await self._http.ws_connect(
                address,
                protocols=("media",),
                headers=self._headers,
                max_msg_size=_LARGEST_MEDIA,
                compress=0,
                autoping=True,
            )
        except (ClientError, TimeoutError, OSError) as error:
            raise AriError(f"media: {type(error).__name__}") from None

    async def listen(
        self,
        on_connected: Callable[[], Coroutine[Any, Any, None]],
        on_event: Callable[[Event], None],
    ) -> None:
        """Pass every event on, for ever; ``on_connected`` brings the picture up to date each time.

        However the connection ends, politely or not, it is made again after a pause.
        """
        failures = 0
        while True:
            try:
                async with await self._connect() as socket:
                    self.connected = True
                    self._log.info("pbx_connected")
                    up = asyncio.create_task(on_connected())
                    try:
                        await self._pass_on(socket, on_event)
                    finally:
                        self.connected = False
                        # Half a picture is of no use: the next connection makes a whole one.
                        up.cancel()
                        await asyncio.gather(up, return_exceptions=True)
                failures = 0
            except (ClientError, TimeoutError, OSError) as error:
                if failures == 0:
                    self._log.warning("pbx_unreachable", error=type(error).__name__)
            pause = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
            failures += 1
            await asyncio.sleep(pause)

    async def _connect(self) -> ClientWebSocketResponse:
        return await self._http.ws_connect(
            "ws" + self._url.removeprefix("http") + "/ari/events",
            params={"app": self._app},
            headers=self._headers,
            max_msg_size=_LARGEST_EVENT,
            heartbeat=_HEARTBEAT_S,
            compress=0,
        )

    async def _pass_on(
        self, socket: ClientWebSocketResponse, on_event: Callable[[Event], None]
    ) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                news = event(message.data)
            except BadEvent:
                self._log.warning("pbx_event_not_understood")
                continue
            if news is not None:
                on_event(news)
        if socket.close_code is None:
            raise ClientConnectionError("gone without a farewell")
        self._log.warning("pbx_disconnected", code=socket.close_code)

    async def only_what_is_heard(self) -> None:
        """Ask Asterisk to send no other events than those that are read; older ones cannot."""
        allowed = {"allowed": [{"type": name} for name in EVENTS]}
        try:
            await self._ask("PUT", f"applications/{self._app}/eventFilter", {}, allowed)
        except AriError as error:
            self._log.info("pbx_sends_every_event", status=error.status)


@asynccontextmanager
async def reaching(settings: PbxSettings, log: Log) -> AsyncIterator[Ari]:
    """Yield a way to an Asterisk, which may be down; everything of it is closed on leaving."""
    async with ClientSession(timeout=ClientTimeout(total=COMMAND_LIMIT_S)) as http:
        yield Ari(http, settings, log)
