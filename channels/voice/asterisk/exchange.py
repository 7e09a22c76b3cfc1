"""Takes calls from Asterisk, finds them again after a trouble, and leaves nothing behind."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from channels.voice.asterisk.ari import Ari, AriError
from channels.voice.asterisk.leg import AsteriskLeg
from channels.voice.asterisk.messages import (
    ApplicationReplaced,
    Channel,
    ChannelDestroyed,
    Event,
    StasisEnd,
    StasisStart,
)
from channels.voice.asterisk.switchboard import Switchboard
from channels.voice.config import PbxSettings
from channels.voice.leg import Call
from gateway.domain.contact import e164

Converse = Callable[[AsteriskLeg], Awaitable[None]]

# What the dialplan looks at when a call comes back to it.
_GIVEN_BACK: Mapping[str, str] = {"HOTLINE": "record"}
_CLEAN_UP_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What is done with calls. ``full`` tells that no further one can be answered, ``drain`` lets
    those under way come to their end.
    """

    converse: Converse
    full: Callable[[], bool]
    drain: Callable[[], Awaitable[None]]


class Exchange:
    """The calls that one Asterisk has put into our hands."""

    def __init__(
        self,
        ari: Ari,
        board: Switchboard,
        calls: Calls,
        settings: PbxSettings,
        *,
        region: str,
        entries: Collection[str] = (),
    ) -> None:
        self._ari = ari
        self._board = board
        self._calls = calls
        self._settings = settings
        self._region = region
        self._entries = entries
        self._log = board.log
        self._legs: dict[str, AsteriskLeg] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._leaving: set[str] = set()
        self._draining = False

    async def run(self) -> None:
        """Take calls until cancelled; those under way then have some time to come to their end."""
        listening = asyncio.create_task(self._ari.listen(self._resync, self._told))
        try:
            await asyncio.shield(listening)
        finally:
            await self._drain()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _drain(self) -> None:
        """Let calls end by themselves for a while; the dialplan goes on with the others."""
        self._draining = True
        await self._calls.drain()
        for task in self._tasks.values():
            task.cancel()
        while left := [*self._tasks.values(), *self._chores]:
            await asyncio.gather(*left, return_exceptions=True)

    # --- events

    def _told(self, news: Event) -> None:
        if isinstance(news, ApplicationReplaced):
            self._log.warning("pbx_name_taken_by_another_gateway", app=self._settings.app)
            return
        board = self._board
        channel = news.channel
        known = board.told(channel.id, news)
        if isinstance(news, StasisStart) and not known:
            if board.is_ours(channel.id):
                # Made by us, and nobody waits for it any more.
                self._chore(board.hang_up(channel.id))
            else:
                self._take(channel, news.args)
        elif isinstance(news, ChannelDestroyed):
            self._leaving.discard(channel.id)

    def _take(self, channel: Channel, args: tuple[str, ...], *, resumed: bool = False) -> None:
        if channel.id in self._tasks:
            return
        if self._draining or self._calls.full():
            self._log.warning("call_given_back", why="draining" if self._draining else "full")
            self._chore(self._give_back(channel.id))
            return
        call = call_of(channel, args, self._region, self._entries)
        task = asyncio.create_task(self._hold(call, channel.id, resumed=resumed))
        self._tasks[channel.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(channel.id, None))

    async def _hold(self, call: Call, channel: str, *, resumed: bool) -> None:
        leg = AsteriskLeg(call, channel, self._board, resumed=resumed)
        self._legs[channel] = leg
        spoken_with = False
        try:
            await leg.open()
            leg.set_deadline(self._settings.call_limit)
            await leg.bound_in_pbx(self._settings.call_limit)
            await self._calls.converse(leg)
            spoken_with = True
        except AriError as error:
            self._log.warning("call_not_taken", call=call.call_id, why=str(error))
        except Exception as error:  # a fault in one conversation is no reason to lose the caller
            self._log.warning("call_broken", call=call.call_id, error=type(error).__name__)
        finally:
            await _undisturbed(self._leave(leg, give_back=not spoken_with))

    async def _leave(self, leg: AsteriskLeg, *, give_back: bool) -> None:
        """Clean up after a call; a caller whose conversation broke off goes on in the dialplan."""
        try:
            async with asyncio.timeout(_CLEAN_UP_S):
                if give_back and not leg.ended:
                    await self._give_back(leg.channel)
                    await leg.close(hang_up=False)
                else:
                    self._leaving.add(leg.channel)
                    await leg.close()
        except TimeoutError:
            self._log.warning("call_not_cleaned_up", call=leg.call.call_id)
        self._legs.pop(leg.channel, None)

    async def _give_back(self, channel: str) -> None:
        """Let the dialplan go on with a call: it records what the caller has to say."""
        try:
            await self._ari.set_variables(channel, _GIVEN_BACK)
            await self._ari.command("POST", f"channels/{channel}/continue")
        except AriError as error:
            if error.status != 404:
                self._log.warning("pbx_command_failed", what=str(error))

    def _chore(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    # --- after every connect: Asterisk tells nothing of what happened meanwhile

    async def _resync(self) -> None:
        try:
            await self._catch_up()
        except AriError as error:
            self._log.warning("pbx_command_failed", what=str(error))

    async def _catch_up(self) -> None:
        board = self._board
        await self._ari.only_what_is_heard()
        held = set(self._legs)
        channels = {one.id: one for one in await self._ari.channels()}
        for channel in held - channels.keys():
            if (leg := self._legs.get(channel)) is not None:
                leg.gone()
        for channel in held & channels.keys():
            if (leg := self._legs.get(channel)) is not None:
                leg.resynced()
        apart = await self._conversations_without_us(channels)
        found = 0
        for one in channels.values():
            if board.is_ours(one.id):
                if not board.is_owned(one.id):
                    await board.hang_up(one.id)
            elif one.id in self._leaving:
                await board.hang_up(one.id)
            elif self._is_left_alone(one) and one.id not in apart:
                found += 1
                self._take(one, tuple(one.dialplan.app_data.split(","))[1:], resumed=True)
        for bridge in await self._ari.bridges():
            if board.is_ours(bridge.id) and not board.is_owned(bridge.id):
                await board.dissolve(bridge.id)
        if found:
            self._log.info("calls_found_again", calls=found)

    def _is_left_alone(self, channel: Channel) -> bool:
        """Tell whether a call is in our hands and nobody here knows of it."""
        plan = channel.dialplan
        in_our_hands = (
            plan.app_name == "Stasis" and plan.app_data.split(",")[0] == self._settings.app
        )
        return in_our_hands and channel.id not in self._tasks

    async def _conversations_without_us(self, channels: Mapping[str, Channel]) -> set[str]:
        """Keep callers and people together who talk although the gateway had died.

        Returns the callers. When the person leaves, the caller is taken up again; when the caller
        leaves, the person is let go.
        """
        board = self._board
        talking: set[str] = set()
        for bridge in await self._ari.bridges():
            if not board.is_ours(bridge.id) or board.is_owned(bridge.id):
                continue
            people = [one for one in bridge.channels if board.is_agent(one)]
            callers = [
                one
                for one in bridge.channels
                if one in channels and self._is_left_alone(channels[one]) and one not in people
            ]
            if len(people) != 1 or len(callers) != 1:
                continue
            for name in (bridge.id, people[0]):
                board.own(name)
            talking.add(callers[0])
            self._accompany(channels[callers[0]], people[0], bridge.id)
        return talking

    def _accompany(self, caller: Channel, person: str, bridge: str) -> None:
        board = self._board

        def over(news: Event) -> None:
            if not isinstance(news, ChannelDestroyed | StasisEnd):
                return
            board.unwatch(caller.id)
            board.unwatch(person)
            self._chore(board.dissolve(bridge))
            if news.channel.id == caller.id:
                self._chore(board.hang_up(person))
            else:
                args = tuple(caller.dialplan.app_data.split(","))[1:]
                self._take(caller, args, resumed=True)

        board.watch(caller.id, over)
        board.watch(person, over)


def call_of(
    channel: Channel, args: tuple[str, ...], region: str, entries: Collection[str] = ()
) -> Call:
    """Return who called whom. The arguments are those of ``Stasis()`` in our dialplan.

    ``entries`` are the site's own numbers: a call diverted from one of them is a call to it.
    """
    dialled, diverted, shown = (*args, "", "", "")[:3]
    number = channel.caller.number
    caller: str | None = None
    if number and number.lower() not in ("anonymous", "unknown") and not shown.startswith("prohib"):
        caller = e164(number, region) or f"sip:{number}"
    return Call(
        call_id=channel.id,
        caller=caller,
        dialled=dialled or channel.dialplan.exten or "unknown",
        began_at=channel.began_at,
        diverted_from=diverted or None,
        merged=diverted in entries,
        trunk=channel.trunk,
    )


async def _undisturbed(work: Awaitable[None]) -> None:
    """Finish ``work`` even when cancelled meanwhile: what is left behind holds a line for ever."""
    task = asyncio.ensure_future(work)
    cancelled = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    with suppress(asyncio.CancelledError):
        task.result()
    if cancelled:
        raise cancelled
