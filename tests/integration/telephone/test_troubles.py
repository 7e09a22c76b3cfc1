"""Everything dies once in the middle of a call: the gateway, Asterisk, the wire between them."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from channels.voice.asterisk.outage import OutageRecordings
from channels.voice.leg import EndedBy
from gateway.domain.intake import CallEvent, CallMoment
from tests.contract.kit.fakes import FakeClock, FakeHttp, FakeLog
from tests.contract.kit.fakes import ports as kit_ports
from tests.integration.telephone import program
from tests.integration.telephone.evening import Scenes, Seen, wait_for_the_end
from tests.integration.telephone.world import Told, World, has_tone, spoken, tone
from tests.peers.asterisk import AsteriskServer, running_asterisk
from tests.peers.cable import cable
from tests.peers.sipp import Callers, Steps, call
from tests.peers.softphone import Plan, softphone, write_wav
from tests.unit.channels.voice.fakes import FakeSink

STATEMENT_S = 2.0


async def _statement(world: World, number: str, folder: Path) -> int:
    """Somebody calls and leaves a statement with whoever listens."""
    folder.mkdir()
    (folder / "said.alaw").write_bytes(spoken(STATEMENT_S, seed=9))
    # The dialplan's announcement takes a second.
    steps: Steps = [("pause", 1600), ("play", folder / "said.alaw"), ("pause", 2600)]
    return await call(Callers(number=number, steps=steps), world.server.sip, folder)


async def ari_drops(world: World) -> Seen:
    """The event socket is cut for two seconds while one caller stays and another leaves."""
    async with cable(world.server.http_port) as wire:
        world.url = f"http://127.0.0.1:{wire.port}"

        async def talk(told: Told) -> None:
            await told.leg.play(tone(1))
            await told.until(lambda: told.keys == "123")

        world.scripts.update({"4001": talk, "4002": wait_for_the_end})
        async with (
            world.open(),
            softphone(Plan(call=world.number("4001"))) as stays,
            softphone(Plan(call=world.number("4002"))) as leaves,
        ):
            told, gone = await world.call("4001"), await world.call("4002")
            await stays.do("keys", "1")
            await told.until(lambda: told.keys == "1")
            cut = wire.cut(b"/ari/events")
            await leaves.do("bye")
            await leaves.done()
            await stays.do("keys", "2")
            await told.until(lambda: told.keys == "12")
            heard = len(told.caller)
            await asyncio.sleep(1)
            went_on = len(told.caller) > heard
            wire.mend()
            await gone.until(lambda: bool(gone.ended))
            await stays.do("keys", "3")
            await stays.done()
        nothing = await world.nothing_left()
    notes = {"cut": cut, "went_on": went_on, "nothing": nothing}
    return Seen(told=[told, gone], notes=notes)


async def asterisk_restarts(world: World) -> Seen:
    """Asterisk is killed during a call and started again: the next call is taken."""
    world.scripts.update({"4003": wait_for_the_end})
    async with world.open():
        async with softphone(Plan(call=world.number("4003"))):
            told = await world.call("4003")
            await told.until(lambda: len(told.caller) > 8000)
            world.server.kill()
            await told.until(lambda: bool(told.ended))
        await asyncio.to_thread(world.server.start)
        while len(world.log.told("pbx_connected")) < 2:
            await asyncio.sleep(0.05)
        async with softphone(Plan(call=world.number("4003"))) as again:
            second = await world.call("4003", place=1)
            await second.until(lambda: len(second.caller) > 8000)
            await again.do("bye")
            await again.done()
            await second.until(lambda: bool(second.ended))
        nothing = await world.nothing_left()
    return Seen(told=[told, second], notes={"nothing": nothing})


async def gateway_stops(world: World) -> Seen:
    """A call in progress, one that comes later, one beyond the limit: the dialplan records all."""
    world.scripts["4004"] = wait_for_the_end
    async with world.open():
        world.full = True
        failed = [await _statement(world, "4005", world.folder / "full")]
        world.full = False
        going_on = asyncio.create_task(_statement(world, "4004", world.folder / "stopped"))
        told = await world.call("4004")
        await told.until(lambda: len(told.caller) > 3200)
    failed += [await going_on, await _statement(world, "4006", world.folder / "away")]
    nothing = await world.nothing_left()
    sink = FakeSink()
    ports = kit_ports(clock=FakeClock(), http=FakeHttp(), log=FakeLog())
    recordings = OutageRecordings(folder=world.server.outage, ports=ports)
    (world.server.outage / "hotline_broken_1_1_1.wav").write_bytes(b"RIFF no")
    taken = [await recordings.take_all(sink), await recordings.take_all(sink)]
    folder = world.server.outage
    left = sorted(str(path.relative_to(folder).parent) for path in folder.rglob("*.*"))
    notes = {
        "failed": failed, "taken": taken, "events": sink.events, "left": left, "nothing": nothing,
    }  # fmt: skip
    return Seen(told=[told], notes=notes)


@asynccontextmanager
async def _program(server: AsteriskServer, agent_port: int) -> AsyncIterator["_Program"]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", program.__name__, str(server.folder)),
        *(str(server.http_port), str(server.sip_port), str(agent_port)),
        stdout=asyncio.subprocess.PIPE,
    )
    one = _Program(process)
    try:
        await one.told("ready")
        yield one
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await one.reading


class _Program:
    """A gateway in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.news: list[Mapping[str, object]] = []
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.news.append(json.loads(line))

    async def told(self, what: str, count: int = 1) -> Mapping[str, object]:
        async with asyncio.timeout(30):
            while len(found := [one for one in self.news if what in one]) < count:
                await asyncio.sleep(0.02)
        return found[count - 1]

    async def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()


async def gateway_is_killed(world: World) -> Seen:
    """SIGKILL while one caller listens and another talks with a person; then a new gateway."""
    record = {name: str(world.folder / f"{name}.wav") for name in ("alone", "caller", "agent")}
    says = str(write_wav(world.folder / "says.wav", tone(2, 1500)))
    number = world.number
    async with softphone(Plan(record=record["agent"])) as agent:
        async with (
            _program(world.server, agent.port) as first,
            softphone(Plan(call=number("3001"), record=record["alone"])) as alone,
            softphone(
                Plan(call=number("3002"), record=record["caller"], caller="13900139000")
            ) as caller,
        ):
            await first.told("call", 2)
            await first.told("talking")
            await first.kill()
            await asyncio.sleep(0.5)
            await agent.do("play", says)
            still_up = not alone.told("done") and not caller.told("done")
            async with _program(world.server, agent.port) as second:
                again = await second.told("call")
                await alone.done()
                await asyncio.sleep(2)
                talking_on = not caller.told("done")
                await agent.do("bye")
                last = await second.told("call", 2)
                await caller.done()
                heard = {"alone": alone.heard(), "caller": caller.heard()}
                nothing = await world.nothing_left()
        notes = {
            "again": again, "last": last, "still_up": still_up,
            "talking_on": talking_on, "nothing": nothing,
        }  # fmt: skip
        return Seen(heard=heard, notes=notes)


TROUBLES: tuple[Callable[[World], Awaitable[Seen]], ...] = (
    ari_drops,
    asterisk_restarts,
    gateway_stops,
    gateway_is_killed,
)


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    """All troubles at once, each with an Asterisk of its own."""

    async def one(happens: Callable[[World], Awaitable[Seen]]) -> Seen:
        with running_asterisk() as server:
            folder = tmp_path_factory.mktemp(happens.__name__)
            return await happens(World(server=server, wire="websocket", folder=folder))

    async def all_of_them() -> Mapping[str, Seen | BaseException]:
        seen = await asyncio.gather(*(one(what) for what in TROUBLES), return_exceptions=True)
        return {what.__name__: outcome for what, outcome in zip(TROUBLES, seen, strict=True)}

    return Scenes(asyncio.run(all_of_them()))


def test_a_call_goes_on_while_ari_is_away(trouble: Scenes) -> None:
    seen = trouble["ari_drops"]
    stayed = seen.told[0]
    assert seen.notes["cut"] == 1
    assert seen.notes["went_on"]
    assert stayed.keys == "123"
    assert [one.by for one in stayed.ended] == [EndedBy.GATEWAY]


def test_who_hung_up_while_ari_was_away_is_known_when_it_is_back(
    trouble: Scenes,
) -> None:
    seen = trouble["ari_drops"]
    assert [one.by for one in seen.told[1].ended] == [EndedBy.CALLER]
    assert seen.notes["nothing"]


def test_calls_end_with_asterisk_and_the_next_one_is_taken(trouble: Scenes) -> None:
    seen = trouble["asterisk_restarts"]
    assert [[one.by for one in told.ended] for told in seen.told] == [
        [EndedBy.NETWORK],
        [EndedBy.CALLER],
    ]
    assert seen.notes["nothing"]


def test_whoever_the_gateway_cannot_hear_is_recorded_and_becomes_a_draft_once(
    trouble: Scenes,
) -> None:
    seen = trouble["gateway_stops"]
    assert seen.notes["failed"] == [0, 0, 0]
    assert seen.notes["taken"] == [3, 0]
    events: list[CallEvent] = seen.notes["events"]
    ended = [one for one in events if one.moment is CallMoment.ENDED]
    assert {one.entry for one in ended} == {"4004", "4005", "4006"}
    assert {one.contact for one in events} == {"tel:+8613800138000"}
    for one in ended:
        assert one.recording is not None
        assert one.duration_ms is not None
        # The one whose call was stopped had spoken for a while already.
        assert one.duration_ms >= 500
        assert one.transcript_missing


def test_recordings_are_put_away_and_what_is_broken_apart(trouble: Scenes) -> None:
    assert trouble["gateway_stops"].notes["left"] == ["done", "done", "done", "refused"]


def test_calls_that_are_still_up_are_found_again_after_a_kill(trouble: Scenes) -> None:
    seen = trouble["gateway_is_killed"]
    assert seen.notes["still_up"]
    assert seen.notes["again"] == {"call": "3001", "resumed": True, "caller": "+8613800138000"}
    alone = seen.heard["alone"]
    assert any(has_tone(alone, program.FIRST_HZ))
    assert sum(has_tone(alone, program.AGAIN_HZ)) >= 30


def test_a_conversation_with_a_person_outlives_the_gateway(trouble: Scenes) -> None:
    seen = trouble["gateway_is_killed"]
    assert seen.notes["talking_on"]
    caller = seen.heard["caller"]
    assert sum(has_tone(caller, 1500)) >= 50
    assert seen.notes["last"] == {"call": "3002", "resumed": True, "caller": "+8613900139000"}
    assert sum(has_tone(caller, program.AGAIN_HZ)) >= 30
    assert seen.notes["nothing"]
