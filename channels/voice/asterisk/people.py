"""Connects a caller with a person: whoever answers first hears who is coming, then both talk.

While they talk, the call's own bridge holds nobody but the two of them: should the gateway die,
their conversation goes on. The gateway listens through a spy on each channel, so it hears the
parties apart.
"""

import asyncio
import math
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from channels.voice.asterisk.ari import AriError
from channels.voice.asterisk.messages import (
    ChannelDestroyed,
    ChannelStateChange,
    Event,
    StasisEnd,
    StasisStart,
)
from channels.voice.asterisk.pacing import Gapless
from channels.voice.asterisk.switchboard import OpenLine, Switchboard
from channels.voice.leg import Audio, Connecting, Connection, Party

if TYPE_CHECKING:
    from channels.voice.asterisk.leg import AsteriskLeg

# Q.850.
_BUSY = frozenset({17, 21})
_NO_ANSWER = frozenset({0, 16, 18, 19, 20, 26, 31})
_CHECK_EVERY_S = 0.1
# What is still to be told when several people were rung and none came.
_TELLING = (Connecting.BUSY, Connecting.NO_ANSWER, Connecting.FAILED)


class Encounter:
    """One attempt to connect a caller with one of several addresses."""

    def __init__(
        self,
        leg: "AsteriskLeg",
        board: Switchboard,
        addresses: Sequence[str],
        *,
        timeout_s: float,
        announcement: bytes,
    ) -> None:
        self._leg = leg
        self._board = board
        self._addresses = tuple(dict.fromkeys(addresses))
        self._timeout_s = timeout_s
        self._announcement = announcement
        self._task: asyncio.Task[None] | None = None
        self._ringing: dict[str, str] = {}
        self._told_ringing: set[str] = set()
        self._failures: dict[Connecting, str] = {}
        self._answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._left = asyncio.Event()
        self._announced = asyncio.Event()
        self._agent: str | None = None
        self._line: OpenLine | None = None
        self._bridges: list[str] = []
        self._spies: list[str] = []
        self._gapless: Gapless | None = None
        self._next_check = 0.0

    def begin(self) -> None:
        """Ring, and go on by itself."""
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Let everybody go but the caller; done when nothing is left."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        talked = False
        address = self._addresses[0] if self._addresses else ""
        try:
            agent = await self._ring()
            if agent is None:
                state = next((one for one in _TELLING if one in self._failures), Connecting.FAILED)
                self._tell(state, self._failures.get(state, address))
                return
            address = self._ringing.pop(agent)
            self._agent = agent
            if not await self._introduce(agent):
                self._tell(Connecting.NO_ANSWER, address)
                return
            await self._join(agent)
            talked = True
            self._tell(Connecting.ANSWERED, address)
            await self._left.wait()
        except (AriError, TimeoutError) as error:
            self._board.log.warning("connection_failed", why=str(error) or type(error).__name__)
            if not talked:
                self._tell(Connecting.FAILED, address)
        finally:
            await self._undisturbed_clean_up()
            if talked:
                self._tell(Connecting.FINISHED, address)

    # --- ringing

    async def _ring(self) -> str | None:
        board = self._board
        await asyncio.gather(*(self._call(address) for address in self._addresses))
        if not self._ringing:
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                # Also done, with nobody, when everyone has refused.
                agent = await self._answered
        except TimeoutError:
            agent = ""
            for address in self._ringing.values():
                self._failures.setdefault(Connecting.NO_ANSWER, address)
        others = [one for one in self._ringing if one != agent]
        for one in others:
            board.unwatch(one)
        await asyncio.gather(*(board.hang_up(one) for one in others))
        return agent or None

    async def _call(self, address: str) -> None:
        board, channel = self._board, self._board.new_name("agent")
        self._ringing[channel] = address
        board.watch(channel, self._news)
        try:
            await board.ari.command(
                "POST",
                f"channels/{channel}",
                endpoint=address,
                app=board.app,
                appArgs="agent",
                callerId=self._leg.call.caller or "anonymous",
                timeout=math.ceil(self._timeout_s) + 5,
                originator=self._leg.channel,
            )
        except AriError as error:
            board.unwatch(channel)
            self._ringing.pop(channel, None)
            self._failures.setdefault(Connecting.FAILED, address)
            board.log.warning("connection_failed", why=str(error))
            if not error.status:
                await board.hang_up(channel)

    def _news(self, news: Event) -> None:
        match news:
            case StasisStart(channel=channel):
                if not self._answered.done():
                    self._answered.set_result(channel.id)
            case ChannelStateChange(channel=channel) if channel.state in ("Ring", "Ringing"):
                address = self._ringing.get(channel.id)
                if address is not None and channel.id not in self._told_ringing:
                    self._told_ringing.add(channel.id)
                    self._tell(Connecting.RINGING, address)
            case ChannelDestroyed(channel=channel, cause=cause):
                if channel.id == self._agent:
                    self._left.set()
                    self._announced.set()
                elif (address := self._ringing.pop(channel.id, None)) is not None:
                    self._failures.setdefault(_why(cause), address)
                    if not self._ringing and not self._answered.done():
                        self._answered.set_result("")
            case StasisEnd(channel=channel) if channel.id == self._agent:
                self._left.set()
                self._announced.set()
            case _:
                pass

    # --- joining

    async def _introduce(self, agent: str) -> bool:
        """Say the announcement; False when the person did not wait for its end."""
        board = self._board
        self._line = await board.open_line(self)
        await board.bridge(self._new_bridge(), agent, self._line.channel)
        if self._announcement:
            self._line.line.play("announcement", self._announcement)
            async with asyncio.timeout(len(self._announcement) / 16_000 + 10):
                await self._announced.wait()
        return not self._left.is_set()

    async def _join(self, agent: str) -> None:
        board, leg = self._board, self._leg
        await leg.clear()
        # One after the other: each is put on our list at once, so that none is left behind.
        for channel in (leg.channel, agent):
            self._spies.append(await board.spy(channel))
        ear = self._new_bridge()
        await board.bridge(ear, self._spies[0])
        await leg.listen_in(ear)
        await board.join(leg.bridge, agent)
        await board.join(self._bridges[0], self._spies[1])
        self._gapless = Gapless(monotonic())
        board.ticker.add(self._check)

    def _new_bridge(self) -> str:
        name = self._board.new_name("bridge")
        self._bridges.append(name)
        return name

    async def _undisturbed_clean_up(self) -> None:
        work = asyncio.create_task(self._clean_up())
        cancelled = None
        while not work.done():
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled:
            raise cancelled

    async def _clean_up(self) -> None:
        board, leg = self._board, self._leg
        self._gapless = None
        board.ticker.remove(self._check)
        people = [*self._ringing, *([self._agent] if self._agent else [])]
        for channel in people:
            board.unwatch(channel)
        if leg.ear != leg.bridge and not leg.ended:
            try:
                await leg.listen_in(leg.bridge)
            except AriError as error:
                board.log.warning("connection_failed", why=str(error))
        if self._line is not None:
            self._line.line.close()
            people.append(self._line.channel)
        await asyncio.gather(*(board.hang_up(one) for one in (*people, *self._spies)))
        await asyncio.gather(*(board.dissolve(one) for one in self._bridges))

    # --- what the person's line tells

    def heard(self, pcm: bytes) -> None:
        """The person's audio; before the conversation it is nobody's business."""
        if self._gapless is not None:
            self._gapless.take(len(pcm), monotonic())
            self._leg.tell(Audio(pcm=pcm, party=Party.AGENT))

    def pressed(self, key: str) -> None:
        """A person's keys mean nothing."""

    def played(self, playback: str) -> None:
        """The announcement was heard."""
        self._announced.set()

    def line_lost(self) -> None:
        """They go on talking; the gateway hears silence."""
        self._announced.set()

    def _check(self, now: float) -> None:
        if now < self._next_check or self._gapless is None:
            return
        self._next_check = now + _CHECK_EVERY_S
        if missing := self._gapless.lacking(now):
            self._leg.tell(Audio(pcm=bytes(missing), party=Party.AGENT))

    def _tell(self, state: Connecting, address: str) -> None:
        self._leg.tell(Connection(state=state, address=address))


def _why(cause: int) -> Connecting:
    if cause in _BUSY:
        return Connecting.BUSY
    return Connecting.NO_ANSWER if cause in _NO_ANSWER else Connecting.FAILED
