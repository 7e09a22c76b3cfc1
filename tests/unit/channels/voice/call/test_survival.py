"""Limits, silence, shutdown and chaos: no call is left stuck, none is lost, none hurts another."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.voice.call.admission import Admission
from channels.voice.call.cause import Cause
from channels.voice.call.rules import Rules
from channels.voice.ivr.steps import Connect, Keep, Keys, Statement, Wait
from channels.voice.leg import (
    Audio,
    Connecting,
    Connection,
    Digit,
    EndedBy,
    LegEvent,
    MarkPlayed,
    MediaLost,
    MediaResumed,
    Party,
)
from gateway.domain.intake import CallMoment
from tests.unit.channels.voice.fakes import (
    CALL,
    NO_WAITS,
    Doing,
    Exchange,
    FakeRecogniser,
    HangUp,
    Listen,
    Pause,
    Person,
    Press,
    Say,
    ScriptedLeg,
    ScriptedWalk,
    Then,
    Told,
    World,
    asks,
    let_others_work,
    quiet,
    ring,
    tone,
)

PLAIN = (asks(Statement(), "matter"), asks(Keep()))


SOON_LOST = replace(NO_WAITS, media_lost_s=0.1)


async def held(*doing: Doing, rules: Rules = NO_WAITS) -> tuple[ScriptedLeg, Exchange]:
    exchange = Exchange(World(), ScriptedWalk(*PLAIN), rules=rules)
    return await exchange.hold(ScriptedLeg(*doing)), exchange


async def test_a_call_whose_audio_stays_away_is_ended_with_its_draft() -> None:
    doing = (Listen(), Say(tone(1000)), Told(MediaLost()), Pause(0.3))
    leg, exchange = await held(*doing, rules=SOON_LOST)
    assert leg.hung_up
    assert exchange.world.sink.end.cause == Cause.MEDIA_LOST
    assert exchange.world.sink.said == ["井盖丢了"]


async def test_audio_that_stays_away_is_noticed_even_if_the_transport_does_not_tell() -> None:
    leg, exchange = await held(Listen(), Pause(0.6), rules=SOON_LOST)
    assert leg.hung_up
    assert exchange.world.sink.end.cause == Cause.MEDIA_LOST


async def test_audio_that_comes_back_in_time_changes_nothing() -> None:
    doing = (Told(MediaLost()), Told(MediaLost()), Told(MediaResumed()), Pause(0.15))
    _, exchange = await held(Listen(), *doing, Say(tone(1000)), rules=SOON_LOST)
    assert exchange.world.sink.end.cause == Cause.COMPLETED


async def test_audio_may_be_lost_more_than_once_and_the_limit_still_counts() -> None:
    gone, back = Told(MediaLost()), Told(MediaResumed())
    leg, exchange = await held(Listen(), gone, back, gone, Pause(0.15), rules=SOON_LOST)
    assert exchange.world.sink.end.cause == Cause.MEDIA_LOST
    limited = replace(NO_WAITS, call_s=0.1)
    leg, exchange = await held(Listen(), gone, back, Pause(0.2), rules=limited)
    assert exchange.world.sink.end.cause == Cause.CALL_LIMIT
    assert leg.hung_up


async def test_a_call_that_lasts_too_long_is_ended_politely() -> None:
    rules = replace(NO_WAITS, call_s=0.1)
    leg, exchange = await held(Listen(), Say(tone(1000)), Pause(0.3), rules=rules)
    assert exchange.prompts["limit_reached"] in leg.played[-1]
    assert exchange.world.sink.end.cause == Cause.CALL_LIMIT
    assert leg.deadline is not None
    assert leg.deadline > rules.call_s, "the transport ends it if the session cannot"


async def test_a_leg_that_never_tells_its_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(ScriptedLeg):
        async def hangup(self) -> None:
            await asyncio.sleep(0)

    monkeypatch.setattr("channels.voice.call.session._LEAVES_WITHIN_S", 0.05)
    world = World()
    exchange = Exchange(world, ScriptedWalk(*PLAIN))
    await exchange.hold(Deaf(Listen(), Say(quiet(600)), Press("#"), Say(quiet(600)), Pause(60)))
    assert world.sink.end.cause == Cause.COMPLETED


# --- how many calls


def test_first_everything_then_the_short_way_then_no_answer() -> None:
    admission = Admission(2, 1)
    places = [admission.enter(lambda: None) for _ in range(4)]
    assert [(one.busy, one.listens) for one in places] == [
        (False, True),
        (True, False),
        (True, False),
        (True, False),
    ]
    full = [admission.full]
    admission.leave(places[0])
    admission.leave(places[0])
    assert [*full, admission.full] == [True, False]
    again = admission.enter(lambda: None)
    assert again.listens


async def test_a_call_beyond_the_limit_is_told_to_the_flow_and_only_recorded() -> None:
    world = World()
    exchange = Exchange(world, ScriptedWalk(*PLAIN), admission=Admission(1, 1))
    exchange.admission.enter(lambda: None)
    await exchange.hold(ScriptedLeg(Listen(), Say(tone(1000)), HangUp()))
    assert exchange.walk.facts is not None
    assert exchange.walk.facts.busy
    assert not exchange.walk.facts.recognises
    assert world.sink.end.transcript_missing == "the recogniser was busy with other calls"
    assert world.sink.end.recording is not None
    assert world.sink.end.moment is CallMoment.ENDED


async def test_a_process_that_ends_lets_calls_finish_and_then_apologises() -> None:
    world = World()
    exchange = Exchange(world, ScriptedWalk(asks(Statement(silence_s=100), "matter")))
    leg = ScriptedLeg(
        Listen(), Say(tone(1000)), Say(quiet(600)), Then(exchange.admission.wind_up),
        Say(quiet(3000)),
    )  # fmt: skip
    await exchange.hold(leg)
    assert leg.played[-1] == exchange.prompts["sorry_outage"]
    assert leg.hung_up
    assert world.sink.end.cause == Cause.SHUTDOWN
    assert world.sink.said == ["井盖丢了"]


async def test_draining_waits_for_the_last_call() -> None:
    admission = Admission(5, 5)
    assert await admission.empty(0.01)
    ended: list[str] = []
    place = admission.enter(lambda: ended.append("told"))
    admission.close()
    assert admission.full
    assert not await admission.empty(0.01)
    admission.wind_up()
    assert ended == ["told"]
    waiting = asyncio.create_task(admission.empty(5))
    await asyncio.sleep(0)
    admission.leave(place)
    assert await waiting


# --- chaos

EVENTS = st.one_of(
    st.builds(Audio, pcm=st.sampled_from([quiet(20), tone(20), tone(100), b""])),
    st.builds(Audio, pcm=st.just(tone(40)), party=st.just(Party.AGENT)),
    st.builds(Digit, key=st.sampled_from("0123456789*#ABCD")),
    st.builds(MarkPlayed, playback_id=st.sampled_from(["p", "", "unknown"])),
    st.builds(
        Connection, state=st.sampled_from(list(Connecting)), address=st.sampled_from(["a", "x"])
    ),
    st.just(MediaLost()),
    st.just(MediaResumed()),
)
FLOW = (
    asks(Keys(single=frozenset("1"), words={"投诉": "x"}, at_most=4), "menu"),
    asks(Statement(limit_s=3), "matter"),
    asks(Connect(target="one", timeout_s=3), "once_more_please"),
    asks(Wait(target="one", longest_s=5), "once_more_please"),
    asks(Keep()),
)


@given(
    told=st.lists(EVENTS, max_size=60),
    by=st.sampled_from(list(EndedBy)),
    ends=st.booleans(),
    busy=st.integers(0, 6),
)
@settings(deadline=None, max_examples=60)
def test_no_order_of_events_leaves_a_call_stuck_or_lost(
    told: list[LegEvent], by: EndedBy, ends: bool, busy: int
) -> None:
    async def hold() -> None:
        before = asyncio.all_tasks()
        world = World(recogniser=FakeRecogniser(partials=True))
        world.sink.busy = busy
        exchange = Exchange(world, ScriptedWalk(*FLOW), targets={"one": ring("a")})
        doing: list[Doing] = [Told(event) for event in told]
        people = {"a": Person(talks_ms=500, voice=tone(200))}
        if ends:
            doing.append(HangUp(by=by))
        leg = ScriptedLeg(*doing, people=people)
        session = exchange.session(leg)
        async with asyncio.timeout(20):
            assert await session.run()
        await let_others_work()
        assert asyncio.all_tasks() == before
        assert session.end_stored
        assert world.sink.end.moment in (CallMoment.ENDED, CallMoment.ABANDONED)
        assert exchange.people.engaged == 0
        assert len(exchange.admission) == 0
        keys = world.sink.keys
        assert len(keys) == len(set(keys))
        assert {event.conversation for event in world.sink.events} == {CALL.call_id}

    asyncio.run(hold())


async def test_one_broken_call_does_not_disturb_another() -> None:
    world = World()
    exchange = Exchange(world, ScriptedWalk(*PLAIN))

    def breaks() -> None:
        raise ConnectionResetError

    def line(number: int, *doing: Doing) -> ScriptedLeg:
        return ScriptedLeg(*doing, call=replace(CALL, call_id=f"CA{number:032}"))

    legs = [
        line(1, Listen(), Then(breaks)),
        line(2, Listen(), Press("1" * 1000), HangUp()),
        line(3, Listen(), Say(tone(1000))),
    ]
    async with asyncio.timeout(20):
        held = await asyncio.gather(*(exchange.session(leg).run() for leg in legs))
    assert held == [True] * 3
    causes = {one.conversation: one.cause for one in world.sink.moments if one.cause}
    assert causes[legs[2].call.call_id] == Cause.COMPLETED
