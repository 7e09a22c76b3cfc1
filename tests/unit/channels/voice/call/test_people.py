"""Reaching people: ringing, talking, waiting in a row, and every way that can go wrong."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from channels.voice.config import TargetSettings
from channels.voice.ivr.steps import Connect, Connected, Prompt, Reached, Wait, Waited
from channels.voice.leg import Connecting, Connection
from gateway.domain.intake import CallMoment, InboundMessage
from tests.unit.channels.voice.fakes import (
    CALL,
    Doing,
    Exchange,
    FakeRecogniser,
    HangUp,
    Person,
    Press,
    Say,
    ScriptedLeg,
    ScriptedWalk,
    Told,
    World,
    asks,
    quiet,
    ring,
    tone,
)

TARGETS = {
    "operators": ring("a", "b"),
    "turns": ring("a", "b", "c", order="in_turn", ring_for=5),
    "one": ring("a"),
    "110": ring("p"),
}


async def reached(
    ask: Connect | Wait,
    *doing: Doing,
    people: Mapping[str, Person],
    targets: Mapping[str, TargetSettings] | None = None,
    world: World | None = None,
) -> tuple[object, ScriptedLeg, Exchange]:
    """Perform one step that reaches people; return its result."""
    walk = ScriptedWalk(asks(ask, "once_more_please"))
    exchange = Exchange(world or World(), walk, targets=dict(targets or TARGETS))
    leg = await exchange.hold(ScriptedLeg(*doing, people=people))
    assert exchange.people.engaged == 0, "nobody stays engaged"
    return walk.results[0] if walk.results else None, leg, exchange


TALKATIVE = Person(talks_ms=4000, voice=quiet(500) + tone(1200) + quiet(2300))


async def test_an_operator_answers_and_both_are_heard() -> None:
    world = World(recogniser=FakeRecogniser(script=("井盖丢了",), agent=("请问在哪里",)))
    result, leg, _ = await reached(
        Connect(target="operators", announce=(Prompt(name="receipt"),)),
        Say(quiet(1000)),
        Say(tone(1500)),
        people={"a": TALKATIVE, "b": Person(after_ms=2000)},
        world=world,
    )
    assert result == Connected(outcome=Reached.FINISHED)
    assert leg.rung == [("a", "b")]
    assert leg.announced[0]
    speakers = {
        event.text: event.transcript.segments[0].speaker
        for event in world.sink.events
        if isinstance(event, InboundMessage) and event.transcript
    }
    assert speakers == {"井盖丢了": "citizen", "请问在哪里": "operator"}


async def test_the_recording_holds_the_operator_on_the_right() -> None:
    world = World()
    _, _, exchange = await reached(Connect(target="one"), people={"a": TALKATIVE}, world=world)
    (tape,) = world.recorder.tapes.values()
    right = np.frombuffer(bytes(tape), "<i2").reshape(-1, 2)[:, 1]
    (span,) = world.sink.end.connected
    assert span.end_ms - span.start_ms == pytest.approx(4000, abs=100)
    talked = right[span.start_ms * 8 : span.end_ms * 8]
    assert not talked[: 8 * 400].any()
    assert np.abs(talked[8 * 600 : 8 * 1600]).max() > 7000
    assert not talked[8 * 2000 : 8 * 3900].any()
    assert exchange.world.sink.end.callback_reason is None


async def test_nothing_is_played_to_people_who_talk() -> None:
    _, leg, _ = await reached(Connect(target="one"), people={"a": TALKATIVE})
    assert leg.cleared == 1
    assert len(leg.played) == 3, "the words before, the sound of ringing, the farewell"


@pytest.mark.parametrize(
    ("becomes", "outcome"),
    [
        (Connecting.BUSY, Reached.BUSY),
        (Connecting.NO_ANSWER, Reached.NO_ANSWER),
        (Connecting.FAILED, Reached.FAILED),
    ],
)
async def test_the_flow_is_told_why_nobody_was_reached(
    becomes: Connecting, outcome: Reached
) -> None:
    result, leg, _ = await reached(Connect(target="one"), people={"a": Person(becomes=becomes)})
    assert result == Connected(outcome=outcome)
    assert leg.disconnected == 0


async def test_nobody_answers_in_time() -> None:
    result, leg, _ = await reached(
        Connect(target="one", timeout_s=3), people={"a": Person(after_ms=60_000)}
    )
    assert result == Connected(outcome=Reached.NO_ANSWER)
    assert leg.now_ms < 5000


async def test_a_target_nobody_knows_fails_at_once() -> None:
    result, leg, exchange = await reached(Connect(target="nobody"), people={})
    assert result == Connected(outcome=Reached.FAILED)
    assert leg.rung == []
    assert any("target_unknown" in line for line in exchange.world.log.lines)


async def test_one_after_the_other_is_rung_until_somebody_answers() -> None:
    result, leg, _ = await reached(
        Connect(target="turns", timeout_s=30),
        people={"a": Person(becomes=Connecting.BUSY), "b": Person(after_ms=9000), "c": TALKATIVE},
    )
    assert result == Connected(outcome=Reached.FINISHED)
    assert leg.rung == [("a",), ("b",), ("c",)]


async def test_a_leg_that_tells_nothing_does_not_hold_the_call_for_ever() -> None:
    class Mute(ScriptedLeg):
        async def connect(self, *args: object, **kwargs: object) -> None:
            self.rung.append(("a",))

    walk = ScriptedWalk(asks(Connect(target="one", timeout_s=5)))
    exchange = Exchange(World(), walk, targets=TARGETS)
    leg = await exchange.hold(Mute(people={}))
    assert walk.results == [Connected(outcome=Reached.NO_ANSWER)]
    assert leg.disconnected == 1


async def test_a_busy_group_is_told_without_ringing() -> None:
    targets = {"one": ring("a", calls_each=1)}
    walk = ScriptedWalk(asks(Connect(target="one")))
    exchange = Exchange(World(), walk, targets=targets)
    session = exchange.session(ScriptedLeg(people={"a": TALKATIVE}))
    exchange.people.take(["a"])
    assert await session.run()
    assert walk.results == [Connected(outcome=Reached.BUSY)]


async def test_hanging_up_while_it_rings_is_a_missed_call() -> None:
    world = World()
    await reached(
        Connect(target="one"),
        Say(quiet(300)),
        HangUp(),
        people={"a": Person(after_ms=9000)},
        world=world,
    )
    assert world.sink.end.callback_reason == "abandoned_in_queue"
    assert world.sink.end.callback_number == "+8613800138000"


async def test_hanging_up_while_talking_is_no_missed_call() -> None:
    world = World(recogniser=FakeRecogniser(script=(), agent=("请问在哪里",)))
    _, leg, _ = await reached(
        Connect(target="one"), Say(quiet(2000)), HangUp(), people={"a": TALKATIVE}, world=world
    )
    assert world.sink.end.callback_reason is None
    assert world.sink.end.moment is CallMoment.ENDED
    assert len(world.sink.end.connected) == 1
    assert leg.disconnected == 1


async def test_a_busy_store_does_not_part_people_who_talk() -> None:
    world = World(recogniser=FakeRecogniser(script=("一", "二", "三"), agent=("四",)))
    world.sink.refuses = lambda events: "segment" in events[-1].dedupe_key
    result, leg, _ = await reached(
        Connect(target="one"), Say(quiet(1000)), Say(tone(900)), people={"a": TALKATIVE},
        world=world,
    )  # fmt: skip
    assert len(world.sink.end.connected) == 1
    assert leg.now_ms > 4000
    assert "一" in world.sink.said, "and the end of the call brings it along"
    assert result == Connected(outcome=Reached.FINISHED)


# --- waiting


async def test_who_waits_is_connected_when_somebody_is_free() -> None:
    result, leg, exchange = await reached(Wait(target="one"), people={"a": TALKATIVE})
    assert result == Waited(outcome=Reached.FINISHED)
    assert leg.rung == [("a",)]
    assert exchange.world.live.of("call.connected") == [{"address": "a"}]


def engaged(exchange: Exchange, *addresses: str) -> None:
    exchange.people.take(addresses)


async def waited(
    ask: Wait, *doing: Doing, targets: Mapping[str, TargetSettings] | None = None
) -> tuple[object, ScriptedLeg, Exchange]:
    """Wait while everybody is engaged."""
    walk = ScriptedWalk(asks(ask, "once_more_please"))
    exchange = Exchange(World(), walk, targets=dict(targets or TARGETS))
    leg = ScriptedLeg(*doing, people={"a": TALKATIVE, "b": TALKATIVE})
    session = exchange.session(leg)
    engaged(exchange, "a", "b")
    assert await session.run()
    target = exchange.people.target(ask.target)
    assert target is not None
    assert len(target.queue) == 0, "every way out leaves the queue"
    return walk.results[0] if walk.results else None, leg, exchange


async def test_position_and_wait_are_announced_and_told() -> None:
    result, leg, exchange = await waited(Wait(target="operators", longest_s=20, announce_every_s=8))
    assert result == Waited(outcome=Reached.TIMEOUT)
    assert 20_000 <= leg.now_ms < 22_000
    said = exchange.prompts.render(Prompt(name="queue_next"))
    assert sum(pcm.startswith(said) for pcm in leg.played) == 3
    assert exchange.world.live.of("call.queued") == [{"target": "operators", "position": 1}]


@pytest.mark.parametrize(("key", "outcome"), [("1", Reached.CALLBACK), ("2", Reached.VOICEMAIL)])
async def test_a_key_leads_out_of_the_queue(key: str, outcome: Reached) -> None:
    ask = Wait(target="operators", callback_key="1", voicemail_key="2")
    result, leg, _ = await waited(ask, Say(quiet(1500)), Press("7" + key))
    assert result == Waited(outcome=outcome)
    assert leg.now_ms < 3000


async def test_hanging_up_in_the_queue_is_a_call_back() -> None:
    _, _, exchange = await waited(Wait(target="operators"), Say(quiet(3000)), HangUp())
    end = exchange.world.sink.end
    assert (end.callback_reason, end.callback_number) == (
        "abandoned_in_queue",
        "+8613800138000",
    )


async def test_a_full_queue_is_told() -> None:
    result, leg, _ = await waited(Wait(target="operators", most_waiting=0))
    assert result == Waited(outcome=Reached.FULL)
    assert leg.rung == []


async def test_somebody_who_does_not_answer_is_not_rung_again_at_once() -> None:
    walk = ScriptedWalk(asks(Wait(target="turns", longest_s=12)))
    exchange = Exchange(World(), walk, targets=TARGETS)
    late = Person(after_ms=60_000)
    leg = await exchange.hold(ScriptedLeg(people={"a": late, "b": late, "c": late}))
    assert leg.rung == [("a",), ("b",), ("c",)]
    assert walk.results == [Waited(outcome=Reached.TIMEOUT)]


async def test_a_key_pressed_while_it_rings_leads_out_too() -> None:
    walk = ScriptedWalk(asks(Wait(target="one", longest_s=60)))
    exchange = Exchange(World(), walk, targets=TARGETS)
    leg = ScriptedLeg(Say(quiet(800)), Press("1"), people={"a": Person(after_ms=60_000)})
    await exchange.hold(leg)
    assert walk.results == [Waited(outcome=Reached.CALLBACK)]
    assert leg.disconnected == 1
    assert leg.now_ms < 2000


def call_of(number: int) -> ScriptedLeg:
    call = replace(CALL, call_id=f"CA{number:032}", caller=f"+86138001380{number:02}")
    return ScriptedLeg(people={"a": Person(talks_ms=1000), "b": Person(talks_ms=1000)}, call=call)


async def test_many_callers_share_two_operators_in_the_order_they_came() -> None:
    world = World()
    walk = ScriptedWalk(asks(Wait(target="turns")))
    exchange = Exchange(world, walk, targets={"turns": ring("a", "b", order="in_turn")})
    legs = [call_of(number) for number in range(6)]
    async with asyncio.timeout(30):
        await asyncio.gather(*(exchange.session(leg).run() for leg in legs))
    assert walk.results == [Waited(outcome=Reached.FINISHED)] * 6
    connected = [one.conversation for one in world.live.news if one.type == "call.connected"]
    assert connected == [leg.call.call_id for leg in legs]
    assert exchange.people.engaged == 0


async def test_news_of_a_connection_nobody_asked_for_is_harmless() -> None:
    stray = Told(Connection(state=Connecting.ANSWERED, address="x"))
    result, leg, _ = await reached(
        Connect(target="one"), stray, stray, people={"a": Person(becomes=Connecting.BUSY)}
    )
    assert result == Connected(outcome=Reached.BUSY)
    assert leg.hung_up
