"""A call through Asterisk: its channel, a bridge, and an audio line of ours in the same bridge."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from time import monotonic

from channels.voice.asterisk.ari import AriError
from channels.voice.asterisk.keys import Keys
from channels.voice.asterisk.messages import (
    ChannelDestroyed,
    ChannelDtmfReceived,
    Event,
    StasisEnd,
)
from channels.voice.asterisk.pacing import Gapless
from channels.voice.asterisk.people import Encounter
from channels.voice.asterisk.switchboard import OpenLine, Switchboard
from channels.voice.leg import (
    Audio,
    Call,
    Capability,
    Digit,
    Ended,
    EndedBy,
    LegEvent,
    MarkPlayed,
    MediaLost,
    MediaResumed,
)

MEDIA_SILENCE_S = 5.0
"""So long without a frame counts as lost; telephones that suppress silence pause for less."""

# Asterisk ends a call this long after the gateway should have.
_PBX_DEADLINE_LATER_S = 60.0
_CHECK_EVERY_S = 0.1
# What was handed to Asterisk is still on its way to the caller's ear for about this long.
_LAST_WORD_S = 0.25
_REOPEN_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 3.0)
# Q.850: temporary failure, network out of order, no circuit, switch congested, interworking.
_NETWORK_CAUSES = frozenset({27, 34, 38, 41, 42, 44, 47, 102, 111, 127})
_FAREWELL_S = 0.3


class AsteriskPlayback:
    """Audio on its way to the caller."""

    def __init__(self, leg: "AsteriskLeg", name: str) -> None:
        self._leg = leg
        self.name = name
        self.done = False

    async def cancel(self) -> None:
        """Take back what was not heard; a line can only take back everything at once."""
        if not self.done:
            await self._leg.clear()


class AsteriskLeg:
    """The ``CallLeg`` over one channel that Asterisk has put into our hands."""

    def __init__(
        self, call: Call, channel: str, board: Switchboard, *, resumed: bool = False
    ) -> None:
        self._call = call
        self.resumed = resumed
        """Whether the gateway had held this call before it died, and found it again."""
        self.channel = channel
        self._board = board
        self._events: deque[LegEvent] = deque()
        self._tick = asyncio.Event()
        self._keys = Keys()
        self._gapless = Gapless(monotonic())
        self._next_check = 0.0
        self._silent = False
        self._line: OpenLine | None = None
        self.bridge = board.new_name("bridge")
        self.ear = self.bridge
        """The bridge our line is in: the call's own, but for the time a person is connected."""
        self._playing: dict[str, AsteriskPlayback] = {}
        self._played = 0
        self._ended: EndedBy | None = None
        self._hung_up = False
        self._deadline: asyncio.TimerHandle | None = None
        self._farewell: asyncio.TimerHandle | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._encounter: Encounter | None = None

    # --- what it is

    @property
    def call(self) -> Call:
        """Who called whom."""
        return self._call

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What a PBX can do."""
        return frozenset({Capability.CLEAR, Capability.CONNECT})

    @property
    def ended(self) -> bool:
        """Whether the caller has gone, or was let go."""
        return self._ended is not None

    async def events(self) -> AsyncIterator[LegEvent]:
        """Yield what happens until ``Ended``."""
        events = self._events
        while True:
            while events:
                event = events.popleft()
                yield event
                if isinstance(event, Ended):
                    return
            self._tick.clear()
            await self._tick.wait()

    # --- its life

    async def open(self) -> None:
        """Answer the call and connect our line with it; raises ``AriError``."""
        board = self._board
        board.watch(self.channel, self._told)
        # Answered last: whoever is answered is heard from the first word on.
        self._line = await board.open_line(self)
        await board.bridge(self.bridge, self.channel, self._line.channel)
        await board.ari.command("POST", f"channels/{self.channel}/answer")
        self._gapless = Gapless(monotonic())
        board.ticker.add(self._check)

    async def close(self, *, hang_up: bool = True) -> None:
        """Leave nothing of the call behind; without ``hang_up`` the caller goes on elsewhere."""
        board = self._board
        self._end(EndedBy.GATEWAY)
        board.ticker.remove(self._check)
        for timer in (self._deadline, self._farewell):
            if timer is not None:
                timer.cancel()
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
        if self._encounter is not None:
            await self._encounter.end()
        if hang_up:
            await board.hang_up(self.channel)
        board.unwatch(self.channel)
        line, self._line = self._line, None
        if line is not None:
            line.line.close()
            await board.hang_up(line.channel)
        await board.dissolve(self.bridge)

    def resynced(self) -> None:
        """ARI is back, and the call still there."""
        self._keys.forget_sources()

    def gone(self) -> None:
        """Asterisk has no such channel any more; nobody was there to hear it end."""
        self._end(EndedBy.NETWORK if self._line is None else EndedBy.CALLER)

    # --- commands

    async def play(self, pcm: bytes) -> AsteriskPlayback:
        """Queue audio behind what is playing."""
        self._played += 1
        playback = AsteriskPlayback(self, f"p{self._played}")
        if self._ended is not None or self._line is None:
            playback.done = True
            self._put(MarkPlayed(playback_id=playback.name))
        else:
            self._playing[playback.name] = playback
            self._line.line.play(playback.name, pcm)
        return playback

    async def clear(self) -> None:
        """Take back everything the caller has not heard yet."""
        if self._line is not None:
            self._line.line.clear()

    async def connect(
        self, addresses: Sequence[str], *, timeout_s: float, announcement: bytes = b""
    ) -> None:
        """Ring people; one attempt at a time, a new one ends the one before."""
        await self.disconnect()
        if self._ended is None:
            self._encounter = Encounter(
                self, self._board, addresses, timeout_s=timeout_s, announcement=announcement
            )
            self._encounter.begin()

    async def disconnect(self) -> None:
        """Let the person go, or stop ringing."""
        encounter, self._encounter = self._encounter, None
        if encounter is not None:
            await encounter.end()

    async def hand_back(self, state: str) -> None:
        """Not offered; see ``capabilities``."""

    async def hangup(self) -> None:
        """End the call once the last word was heard."""
        if self._ended is None:
            self._hung_up = True
            await asyncio.sleep(_LAST_WORD_S)
            await self._board.hang_up(self.channel)
            self._end(EndedBy.GATEWAY)

    def set_deadline(self, seconds: float) -> None:
        """End the call this long from now; Asterisk does so a minute later by itself."""
        if self._deadline is not None:
            self._deadline.cancel()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(seconds, self._end, EndedBy.LIMIT)

    async def bound_in_pbx(self, seconds: float) -> None:
        """Let Asterisk end the call by itself, should there be no gateway any more."""
        value = str(int(seconds + _PBX_DEADLINE_LATER_S))
        await self._board.ari.set_variables(self.channel, {"TIMEOUT(absolute)": value})

    # --- what the line tells

    def heard(self, pcm: bytes) -> None:
        """The caller's audio."""
        if self._silent:
            self._silent = False
            self._put(MediaResumed())
        self._gapless.take(len(pcm), monotonic())
        self._put(Audio(pcm=pcm))

    def pressed(self, key: str) -> None:
        """A key, as the audio line tells it."""
        self._press("line", key, self._gapless.heard_s)

    def played(self, playback: str) -> None:
        """The caller has heard a playback, or it was taken back."""
        known = self._playing.pop(playback, None)
        if known is not None:
            known.done = True
            self._put(MarkPlayed(playback_id=playback))

    def line_lost(self) -> None:
        """Open another line: the caller is still there as far as anybody knows."""
        self._line = None
        for playback in list(self._playing):
            self.played(playback)
        if self._ended is None and self._reopening is None:
            self._board.log.warning("media_line_lost", call=self._call.call_id)
            self._reopening = asyncio.create_task(self._reopen())

    async def _reopen(self) -> None:
        try:
            for pause in _REOPEN_PAUSES_S:
                await asyncio.sleep(pause)
                try:
                    line = await self._board.open_line(self)
                except AriError:
                    continue
                try:
                    await self._board.join(self.ear, line.channel)
                except AriError as error:
                    line.line.close()
                    await self._board.hang_up(line.channel)
                    if error.status:
                        break  # the call itself is not there any more
                    continue
                self._line = line
                return
            self._end(EndedBy.NETWORK)
        finally:
            self._reopening = None

    # --- what ARI tells

    def _told(self, news: Event) -> None:
        match news:
            case ChannelDtmfReceived(digit=digit):
                self._press("ari", digit, monotonic() if news.at is None else news.at)
            case ChannelDestroyed(cause=cause):
                self._end(EndedBy.NETWORK if cause in _NETWORK_CAUSES else EndedBy.CALLER)
            case StasisEnd() if self._farewell is None:
                # Why it ended follows at once, if it is not going on in the dialplan.
                loop = asyncio.get_running_loop()
                self._farewell = loop.call_later(_FAREWELL_S, self._end, EndedBy.CALLER)
            case _:
                pass

    # --- the rest

    def tell(self, event: LegEvent) -> None:
        """Put news of a person into the stream of events."""
        self._put(event)

    async def listen_in(self, bridge: str) -> None:
        """Move our line into another bridge of ours; raises ``AriError``."""
        self.ear = bridge
        if self._line is not None:
            await self._board.join(bridge, self._line.channel)

    def _press(self, source: str, key: str, at: float) -> None:
        if self._keys.pressed(source, key, at):
            self._put(Digit(key=key))

    def _check(self, now: float) -> None:
        if now < self._next_check or self._ended is not None:
            return
        self._next_check = now + _CHECK_EVERY_S
        if missing := self._gapless.lacking(now):
            self._put(Audio(pcm=bytes(missing)))
        if not self._silent and now - self._gapless.last >= MEDIA_SILENCE_S:
            self._silent = True
            self._put(MediaLost())

    def _put(self, event: LegEvent) -> None:
        if self._ended is None:
            self._events.append(event)
            self._tick.set()

    def _end(self, by: EndedBy) -> None:
        if self._ended is None:
            self._put(Ended(by=EndedBy.GATEWAY if self._hung_up else by))
            self._ended = by
            for playback in self._playing.values():
                playback.done = True
