"""A caller at the far end of a real PBX: Asterisk itself calls the hotline, and we are the citizen.

A ``Local`` channel of Asterisk has two ends: one comes into the dialplan like a call of the trunk,
the other is in our hands. Such a call takes the way of every other one, but for SIP and RTP.
"""

import asyncio
from secrets import token_hex
from time import monotonic
from typing import Literal

import numpy as np

from channels.voice.asterisk.ari import Ari, AriError, reaching
from channels.voice.asterisk.audiosocket import AudioSocketServer
from channels.voice.asterisk.messages import ApplicationReplaced, ChannelDestroyed, Event
from channels.voice.asterisk.pacing import Ticker
from channels.voice.asterisk.switchboard import OpenLine, Switchboard
from channels.voice.config import PbxSettings
from channels.voice.heard_numbers import spelled_in
from channels.voice.leg import BYTES_PER_MS
from channels.voice.prompts import SHIPPED
from gateway.channel import RawRequest
from gateway.channel.ports import Log
from gateway.channel.simulation import PlacedCall
from gateway.domain.errors import GatewayError
from gateway.domain.g711 import pcm_to_mulaw

CONTEXT, DIALLED = "hotline", "12345"
_LOUD = 200.0
# A pause between two sentences is shorter; a person then takes it as his turn.
_TURN_S = 1.2
_BREATH_MS = 100
_KEY_GAP_S = 0.3
_LONGEST_S = 20 * 60
_ANSWER_WITHIN_S = 20.0


class CallNotTaken(GatewayError):
    """Asterisk or the gateway did not take the call."""


class _Quiet(Log):
    def info(self, event: str, **values: object) -> None:
        """Say nothing: who simulates a call reads its outcome."""

    def warning(self, event: str, **values: object) -> None:
        """As above."""


class PbxSimulator:
    """Places calls through the PBX of one account."""

    def __init__(self, settings: PbxSettings) -> None:
        self._settings = settings

    def message(self, text: str, *, sender: str, message_id: str | None = None) -> RawRequest:
        """A PBX delivers calls and no messages; raises ``CallNotTaken``."""
        raise CallNotTaken("a PBX delivers no messages", "simulate a call")

    async def place_call(
        self,
        pcm: bytes,
        *,
        sender: str,
        server: str,
        speed: float = 1.0,
        keys: str = "",
        hang_up_after_ms: int | None = None,
    ) -> PlacedCall:
        """Place one call (see ``gateway.channel.simulation.PlacesCalls``).

        The PBX knows where its gateway is, so ``server`` is not needed.
        """
        if speed != 1.0:
            raise CallNotTaken(
                "a call through a PBX goes at the speed of life", "leave out --speed"
            )
        ticker = Ticker()
        ticking = asyncio.create_task(ticker.run())
        app = f"simulator-{token_hex(6)}"
        own = self._settings.model_copy(update={"app": app})
        sockets = AudioSocketServer(ticker, _Quiet()) if own.media == "audiosocket" else None
        try:
            address = ""
            if sockets is not None:
                host = (own.address or own.listen).rpartition(":")[0]
                address = f"{host}:{await sockets.start(own.listen.rpartition(':')[0], 0)}"
            async with reaching(own, _Quiet()) as ari:
                board = Switchboard(
                    ari,
                    app=app,
                    ticker=ticker,
                    log=_Quiet(),
                    audiosocket=sockets,
                    address=address,
                )
                citizen = _Citizen(board, pcm, keys, hang_up_after_ms)
                return await _call(ari, citizen, sender)
        except (AriError, TimeoutError) as error:
            raise CallNotTaken(
                f"the PBX did not take the call ({str(error) or type(error).__name__})",
                "let `hotline doctor` look at the account; the dialplan's context is "
                f"expected to be [{CONTEXT}]",
            ) from None
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            if sockets is not None:
                await sockets.stop()


async def _call(ari: Ari, citizen: "_Citizen", sender: str) -> PlacedCall:
    connected = asyncio.Event()

    async def up() -> None:
        connected.set()

    await ari.ping()
    listening = asyncio.create_task(ari.listen(up, citizen.told))
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            await connected.wait()
            await citizen.call(sender)
        return await citizen.talk()
    finally:
        await citizen.leave()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


class _Citizen:
    """Listens until nobody speaks, says his piece, presses keys, stays on the line."""

    def __init__(
        self, board: Switchboard, pcm: bytes, keys: str, hang_up_after_ms: int | None
    ) -> None:
        self._board = board
        self._pcm = pcm
        self._keys = keys
        self._hang_up_after_ms = hang_up_after_ms
        self._channel = board.new_name("caller")
        self._bridge = board.new_name("bridge")
        self._line: OpenLine | None = None
        self._heard = bytearray()
        self._spoken_to = False
        self._loud_at = 0.0
        self._said = asyncio.Event()
        self._gone = asyncio.Event()

    async def call(self, sender: str) -> None:
        """Dial, and be there when it is answered."""
        board = self._board
        here = board.expect(self._channel)
        board.watch(self._channel, self._news)
        await board.ari.command(
            "POST",
            f"channels/{self._channel}",
            endpoint=f"Local/{DIALLED}@{CONTEXT}/n",
            app=board.app,
            callerId=sender,
            timeout=int(_ANSWER_WITHIN_S),
            formats="slin",
        )
        self._line = await board.open_line(self)
        await here
        await board.bridge(self._bridge, self._channel, self._line.channel)

    async def talk(self) -> PlacedCall:
        """Hold the conversation until one side ends it."""
        began = monotonic()
        ended_by: Literal["gateway", "caller", "limit"] = "gateway"
        speaking = asyncio.create_task(self._speak())
        gone = asyncio.create_task(self._gone.wait())
        try:
            await asyncio.wait(
                [gone, speaking], timeout=_LONGEST_S, return_when=asyncio.FIRST_COMPLETED
            )
            if speaking.done() and not gone.done():
                speaking.result()
                if self._hang_up_after_ms is not None:
                    ended_by = "caller"
                else:
                    await asyncio.wait([gone], timeout=_LONGEST_S)
            if ended_by == "gateway" and not gone.done():
                ended_by = "limit"
        finally:
            for task in (speaking, gone):
                task.cancel()
            await asyncio.gather(speaking, gone, return_exceptions=True)
        heard = bytes(self._heard)
        return PlacedCall(
            call_id=self._channel,
            ended_by=ended_by,
            numbers=tuple(spelled_in(pcm_to_mulaw(heard), SHIPPED)),
            heard_ms=len(heard) // BYTES_PER_MS,
            heard=heard,
            duration_ms=round((monotonic() - began) * 1000),
            afterwards=None if ended_by == "caller" else "hangup",
        )

    async def leave(self) -> None:
        """Hang up, and leave nothing in the PBX."""
        board = self._board
        board.unwatch(self._channel)
        await board.hang_up(self._channel)
        if self._line is not None:
            self._line.line.close()
            await board.hang_up(self._line.channel)
        await board.dissolve(self._bridge)

    async def _speak(self) -> None:
        line = self._line
        if line is None:
            return
        # Asterisk sends nothing while nobody speaks: silence is known by the clock alone.
        while not self._spoken_to or monotonic() - self._loud_at < _TURN_S:
            # A telephone sends its silence too.
            line.line.play("", bytes(_BREATH_MS * BYTES_PER_MS))
            await asyncio.sleep(_BREATH_MS / 1000)
        line.line.play("said", self._pcm)
        if self._hang_up_after_ms is not None:
            await asyncio.sleep(self._hang_up_after_ms / 1000)
            return
        await self._said.wait()
        for key in self._keys:
            await self._board.ari.command("POST", f"channels/{self._channel}/dtmf", dtmf=key)
            await asyncio.sleep(_KEY_GAP_S)

    def told(self, news: Event) -> None:
        """Take an event of ARI."""
        if not isinstance(news, ApplicationReplaced):
            self._board.told(news.channel.id, news)

    def _news(self, news: Event) -> None:
        if isinstance(news, ChannelDestroyed):
            self._gone.set()

    def heard(self, pcm: bytes) -> None:
        """What the gateway says."""
        self._heard += pcm
        samples = np.frombuffer(pcm, "<i2").astype(np.float64)
        if len(samples) and float(np.sqrt(np.mean(np.square(samples)))) > _LOUD:
            self._spoken_to, self._loud_at = True, monotonic()

    def pressed(self, key: str) -> None:
        """The gateway presses no keys."""

    def played(self, playback: str) -> None:
        """All is said."""
        if playback == "said":
            self._said.set()

    def line_lost(self) -> None:
        """Nothing more can be heard."""
        self._gone.set()
