"""Which channel belongs to whom, and the few things that are done with channels and bridges.

The gateway names its own channels and bridges before it makes them: an event can never come before
somebody knows what it is about, and what nobody knows any more is seen to be an orphan.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from uuid import uuid4

from channels.voice.asterisk.ari import Ari, AriError
from channels.voice.asterisk.audiosocket import AudioSocketServer
from channels.voice.asterisk.line import Hears, Line
from channels.voice.asterisk.messages import (
    ChannelDestroyed,
    Event,
    StasisEnd,
    StasisStart,
    channel_of,
)
from channels.voice.asterisk.pacing import Ticker
from channels.voice.asterisk.websocket import FORMAT, WebSocketLine, WrongMedia
from gateway.channel.ports import Log

_OPEN_WITHIN_S = 5.0
_CONNECTION = "MEDIA_WEBSOCKET_CONNECTION_ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLine:
    """A line and the channel it is inside Asterisk."""

    channel: str
    line: Line


class Switchboard:
    """The channels of one application in one Asterisk."""

    def __init__(
        self,
        ari: Ari,
        *,
        app: str,
        ticker: Ticker,
        log: Log,
        audiosocket: AudioSocketServer | None = None,
        address: str = "",
    ) -> None:
        self.ari = ari
        self.app = app
        self.ticker = ticker
        self.log = log
        self._audiosocket = audiosocket
        self._address = address
        self._prefix = f"gw:{app}:"
        self._watchers: dict[str, Callable[[Event], None]] = {}
        self._expected: dict[str, asyncio.Future[None]] = {}
        self._owned: set[str] = set()

    # --- names

    def new_name(self, what: str) -> str:
        """Return the name of a channel or bridge that is to be made; it is ours from now on."""
        name = f"{self._prefix}{what}:{token_hex(12)}"
        self._owned.add(name)
        return name

    def is_ours(self, name: str) -> bool:
        """Tell whether this application made a channel or bridge, perhaps in an earlier life."""
        return name.startswith(self._prefix)

    def is_agent(self, name: str) -> bool:
        """Tell whether a channel leads to a person."""
        return name.startswith(f"{self._prefix}agent:")

    def is_owned(self, name: str) -> bool:
        """Tell whether somebody of this life cares for a channel or bridge."""
        return name in self._owned

    def own(self, name: str) -> None:
        """Care for a channel or bridge of an earlier life."""
        self._owned.add(name)

    # --- events

    def watch(self, channel: str, watcher: Callable[[Event], None]) -> None:
        """Pass on every event about a channel."""
        self._watchers[channel] = watcher

    def unwatch(self, channel: str) -> None:
        """Stop it."""
        self._watchers.pop(channel, None)

    def expect(self, channel: str) -> "asyncio.Future[None]":
        """Return what is done when a channel of ours is in our hands, and fails when it dies."""
        here: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._expected[channel] = here
        here.add_done_callback(lambda _: self._expected.pop(channel, None))
        return here

    def told(self, channel: str, news: Event) -> bool:
        """Pass an event about a channel on; False when nobody was interested."""
        here = self._expected.get(channel)
        if here is not None and not here.done():
            if isinstance(news, StasisStart):
                here.set_result(None)
            elif isinstance(news, ChannelDestroyed | StasisEnd):
                here.set_exception(AriError("a channel of ours ended"))
                here.exception()  # its waiter may have given up already
        if isinstance(news, ChannelDestroyed):
            self._owned.discard(channel)
        watcher = self._watchers.get(channel)
        if watcher is not None:
            watcher(news)
        return watcher is not None or here is not None

    # --- deeds

    async def bridge(self, name: str, *channels: str) -> None:
        """Make a bridge, in which channels hear each other; raises ``AriError``."""
        await self.ari.command("POST", f"bridges/{name}", type="mixing")
        await self.join(name, *channels)

    async def join(self, bridge: str, *channels: str) -> None:
        """Move channels into a bridge, out of any other; raises ``AriError``."""
        if channels:
            await self.ari.command(
                "POST", f"bridges/{bridge}/addChannel", channel=",".join(channels)
            )

    async def dissolve(self, bridge: str) -> None:
        """End a bridge; its channels stay. Harmless when there is none."""
        await self._if_there("DELETE", f"bridges/{bridge}")
        self._owned.discard(bridge)

    async def hang_up(self, channel: str) -> None:
        """End a channel; harmless when there is none."""
        await self._if_there("DELETE", f"channels/{channel}")

    async def spy(self, channel: str) -> str:
        """Return a channel that hears what comes from another one; raises ``AriError``."""
        name = self.new_name("spy")
        here = self.expect(name)
        try:
            async with asyncio.timeout(_OPEN_WITHIN_S):
                await self.ari.command(
                    "POST", f"channels/{channel}/snoop/{name}", spy="in", app=self.app
                )
                await here
        except (AriError, TimeoutError) as error:
            here.cancel()
            await self.hang_up(name)
            raise AriError(f"spy: {type(error).__name__}") from None
        return name

    async def open_line(self, owner: Hears) -> OpenLine:
        """Open an audio line that reports to ``owner``; raises ``AriError``.

        It is ready when its socket is connected *and* its channel is in our hands: the one without
        the other makes a silent call.
        """
        name = self.new_name("media")
        here = self.expect(name)
        line: Line | None = None
        try:
            async with asyncio.timeout(_OPEN_WITHIN_S):
                if self._audiosocket is None:
                    line = await self._by_websocket(name, owner)
                else:
                    line = await self._by_audiosocket(self._audiosocket, name, owner)
                await here
        except (AriError, WrongMedia, TimeoutError, OSError) as error:
            here.cancel()
            if line is not None:
                line.close()
            await self.hang_up(name)
            self.log.warning("media_line_failed", why=str(error) or type(error).__name__)
            raise AriError("media line") from None
        except asyncio.CancelledError:
            here.cancel()
            if line is not None:
                line.close()
            raise
        return OpenLine(channel=name, line=line)

    async def _by_websocket(self, name: str, owner: Hears) -> Line:
        answer = await self.ari.command(
            "POST",
            "channels/externalMedia",
            channelId=name,
            app=self.app,
            external_host="INCOMING",
            encapsulation="none",
            transport="websocket",
            connection_type="server",
            format=FORMAT,
            transport_data="f(json)",
        )
        connection = channel_of(answer).channelvars.get(_CONNECTION)
        if connection is None:
            found = await self.ari.command("GET", f"channels/{name}/variable", variable=_CONNECTION)
            connection = str(found["value"])
        line = WebSocketLine(await self.ari.media(connection), owner, self.log)
        await line.begin()
        return line

    async def _by_audiosocket(self, server: AudioSocketServer, name: str, owner: Hears) -> Line:
        uuid = uuid4()
        connected = server.expect(uuid, owner)
        try:
            await self.ari.command(
                "POST",
                "channels/externalMedia",
                channelId=name,
                app=self.app,
                external_host=self._address,
                encapsulation="audiosocket",
                transport="tcp",
                format=FORMAT,
                data=str(uuid),
            )
            return await connected
        finally:
            if not connected.done():
                connected.cancel()

    async def _if_there(self, method: str, path: str) -> None:
        try:
            await self.ari.command(method, path)
        except AriError as error:
            if error.status != 404:
                self.log.warning("pbx_command_failed", what=str(error))
