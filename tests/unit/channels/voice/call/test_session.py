"""One call, told as a story each: whatever happens on the line, what was said is not lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from channels.voice.call.cause import Cause
from channels.voice.call.handover import Handover
from channels.voice.ivr.steps import (
    Connect,
    Connected,
    Keep,
    Keys,
    Pressed,
    Reached,
    Statement,
    Step,
)
from channels.voice.ivr.steps import HangUp as End
from channels.voice.leg import Capability, EndedBy
from gateway.channel.speech import Unavailable
from gateway.domain.intake import CallMoment, InboundMessage, Outcome, StoredEvent
from tests.unit.channels.voice.fakes import (
    CALL,
    NO_WAITS,
    Doing,
    Exchange,
    FakePlayback,
    FakeRecogniser,
    FakeSink,
    HangUp,
    Listen,
    Press,
    Say,
    ScriptedLeg,
    ScriptedWalk,
    Then,
    World,
    asks,
    let_others_work,
    quiet,
    tone,
)

NO_RECOGNISER = Unavailable(reason="no speech model", cure="fetch one")
PLAIN = (asks(Statement(), "welcome", "matter", node="matter"), asks(Keep(), node="keep"))


def exchange_of(world: World, steps: Sequence[Step] = PLAIN) -> Exchange:
    return Exchange(world, ScriptedWalk(*steps))


async def held(world: World, *doing: Doing, steps: Sequence[Step] = PLAIN) -> ScriptedLeg:
    """Hold one call and return its line."""
    return await exchange_of(world, steps).hold(ScriptedLeg(*doing))


# --- what is kept, and when


async def test_a_statement_becomes_a_draft_before_its_number_is_read_out() -> None:
    world = World()
    leg = await held(world, Listen(), Say(tone(2000)))
    assert leg.hung_up
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.cause == Cause.COMPLETED
    assert world.sink.end.moment is CallMoment.ENDED
    assert world.sink.end.callback_reason is None


async def test_the_call_is_stored_before_the_caller_hears_a_word() -> None:
    world, stored = World(), []

    class Line(ScriptedLeg):
        async def play(self, pcm: bytes) -> FakePlayback:
            stored.append(len(world.sink.events))
            return await super().play(pcm)

    await exchange_of(world).hold(Line(Listen(), HangUp()))
    assert stored == [1]
    assert world.sink.moments[0].flow == "scripted@1"


async def test_each_utterance_is_stored_while_the_caller_still_speaks() -> None:
    world = World()
    seen: list[list[str]] = []
    await held(
        world,
        Listen(),
        Say(tone(800)),
        Say(quiet(700)),
        Say(tone(400)),
        Then(lambda: seen.append(world.sink.said)),
        HangUp(),
    )
    assert seen == [["井盖丢了"]]
    assert world.sink.said == ["井盖丢了", "在建设路"]


async def test_utterances_carry_what_ties_them_to_the_call() -> None:
    world = World()
    await held(world, Listen(), Say(tone(800)))
    (message,) = [event for event in world.sink.events if isinstance(event, InboundMessage)]
    assert message.dedupe_key == f"{CALL.call_id}:segment:1"
    assert message.conversation == CALL.call_id
    assert message.contact == "tel:+8613800138000"
    assert message.entry == "+15005550006"
    assert message.transcript is not None
    assert message.transcript.text == message.text
    assert message.transcript.segments[0].speaker == "citizen"
    assert message.reporter is not None
    assert message.reporter.verified_by == "caller_id"


async def test_choices_are_kept_as_soon_as_they_are_made() -> None:
    world = World()
    steps = [
        asks(Keys(single=frozenset("8")), "menu"),
        asks(Statement(), "matter", language="en", facts={"topic": "roads"}),
    ]
    await held(world, Listen(), Press("8"), Say(quiet(300)), HangUp(), steps=steps)
    assert world.sink.facts == {"topic": "roads"}
    assert [one.language for one in world.sink.moments if one.language] == ["en"]


async def test_the_ears_follow_the_language_and_the_branch_of_the_menu() -> None:
    world = World()
    steps = [
        asks(Keys(single=frozenset("8")), "menu"),
        asks(Statement(), "matter", language="en", facts={"topic": "roads"}),
    ]
    await held(world, Listen(), Press("8"), Say(quiet(300)), HangUp(), steps=steps)
    assert isinstance(world.recogniser, FakeRecogniser)
    assert world.recogniser.asked == [
        ("zh", CALL.dialled, None),
        ("en", CALL.dialled, "roads"),
    ]
    assert all(ears.closed for ears in world.recogniser.sessions)


async def test_a_spoken_telephone_number_is_only_a_suggestion() -> None:
    world = World(recogniser=FakeRecogniser(script=("我的电话是幺三八零零幺三八零零零",)))
    await held(world, Listen(), Say(tone(1500)))
    assert world.sink.facts == {"phone_spoken": "13800138000"}


async def test_a_caller_who_withholds_the_number_is_anonymous() -> None:
    world = World()
    leg = ScriptedLeg(Listen(), Say(tone(800)), call=replace(CALL, caller=None))
    await exchange_of(world).hold(leg)
    begun = world.sink.moments[0]
    assert begun.contact == f"unknown:{CALL.call_id}"
    assert begun.reporter is not None
    assert begun.reporter.anonymous


async def test_a_stream_played_back_stores_nothing() -> None:
    world = World()
    call = replace(CALL, began_at=world.clock.now())
    exchange = exchange_of(world)
    await exchange.hold(ScriptedLeg(Listen(), Say(tone(1000)), call=call))
    before = list(world.sink.events)
    world.clock.advance(5)
    again = ScriptedLeg(Listen(), Say(tone(1000)), call=call)
    assert not await exchange.session(again).run()
    assert world.sink.events == before
    assert again.played == []
    assert len(exchange.admission) == 0


# --- hanging up

STEPS = (
    asks(Keys(single=frozenset("1"), first_s=3), "menu", node="menu"),
    asks(Statement(), "matter", node="matter", facts={"topic": "roads"}),
    asks(Keep(), node="keep"),
    asks(Keys(single=frozenset("5"), first_s=3), "receipt", node="survey"),
    asks(Keep(rating=5), node="rated"),
)
WAY = (Listen(), Press("1"), Listen(), Say(tone(1500)), Say(quiet(4500)), Listen(), Press("5"))


@pytest.mark.parametrize("after", range(len(WAY) + 1))
async def test_hanging_up_anywhere_leaves_what_was_said_until_then(after: int) -> None:
    world = World()
    exchange = exchange_of(world, STEPS)
    leg = await exchange.hold(ScriptedLeg(*WAY[:after], HangUp()))
    end = world.sink.end
    assert world.sink.said == (["井盖丢了"] if after >= 4 else [])
    assert end.recording is not None
    assert end.recording.duration_ms == leg.now_ms == end.duration_ms
    if after != 2:  # the key may be the last that is heard of the call
        assert world.sink.facts == ({"topic": "roads"} if after > 2 else {})
    if after < 4:
        assert end.moment is CallMoment.ABANDONED
        assert (end.callback_reason, end.callback_number) == ("missed", "+8613800138000")
    else:
        assert end.moment is CallMoment.ENDED
        assert end.callback_reason is None
    assert end.cause == Cause.CALLER_HUNG_UP


async def test_hanging_up_in_mid_sentence_keeps_the_last_words() -> None:
    world = World()
    leg = await held(world, Listen(), Say(tone(1500)), HangUp())
    assert not leg.hung_up
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.cause == Cause.CALLER_HUNG_UP


async def test_a_caller_without_a_number_cannot_be_called_back() -> None:
    world = World()
    leg = ScriptedLeg(Say(quiet(100)), HangUp(), call=replace(CALL, caller=None))
    await exchange_of(world).hold(leg)
    assert world.sink.end.moment is CallMoment.ABANDONED
    assert world.sink.end.callback_reason is None


async def test_a_flow_gives_the_cause_when_it_ends_the_call() -> None:
    world = World()
    await held(world, steps=[asks(End(cause="handed_to_110"), "bye")])
    assert world.sink.end.cause == "handed_to_110"


async def test_media_that_stops_without_farewell_ends_the_call_with_what_was_said() -> None:
    world = World()
    await held(world, Listen(), Say(tone(1000)), HangUp(by=EndedBy.NETWORK))
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.cause == Cause.MEDIA_LOST


# --- what breaks


async def test_without_a_recogniser_the_call_is_recorded_and_the_draft_says_why() -> None:
    world = World(recogniser=NO_RECOGNISER)
    exchange = exchange_of(world)
    await exchange.hold(ScriptedLeg(Listen(), Say(tone(2000))))
    end = world.sink.end
    assert end.transcript_missing == "no speech model"
    assert end.moment is CallMoment.ENDED
    assert end.recording is not None
    assert exchange.walk.facts is not None
    assert not exchange.walk.facts.recognises


async def test_without_a_recogniser_a_call_of_pure_silence_is_abandoned() -> None:
    world = World(recogniser=NO_RECOGNISER)
    await held(world, Say(quiet(1000)), HangUp())
    assert world.sink.end.moment is CallMoment.ABANDONED


async def test_a_recogniser_that_breaks_in_the_call_costs_only_the_words() -> None:
    world = World(recogniser=FakeRecogniser(failing_after_ms=1500))
    await held(world, Listen(), Say(tone(3000)))
    assert world.sink.end.transcript_missing == "the recogniser failed during the call"
    assert world.sink.end.recording is not None
    assert world.sink.end.cause == Cause.COMPLETED


async def test_a_recogniser_that_hangs_costs_only_the_words() -> None:
    world = World(recogniser=FakeRecogniser(hangs=True))
    exchange = exchange_of(world)
    exchange.rules = replace(NO_WAITS, feed_s=0.05, closing_s=0.2)
    await exchange.hold(ScriptedLeg(Listen(), Say(tone(3000)), Press("#")))
    assert world.sink.end.transcript_missing is not None
    assert world.sink.end.recording is not None
    assert world.sink.end.cause == Cause.COMPLETED


async def test_a_full_disk_costs_only_the_recording() -> None:
    world = World()
    world.recorder.broken = True
    await held(world, Listen(), Say(tone(1000)))
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.recording is None
    assert any("recording_failed" in line for line in world.log.lines)


async def test_a_disk_that_hangs_costs_only_the_recording() -> None:
    world = World()
    world.recorder.hangs = True
    exchange = exchange_of(world)
    exchange.rules = replace(NO_WAITS, closing_s=0.2)
    await exchange.hold(ScriptedLeg(Listen(), Say(tone(1000))))
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.recording is None
    assert world.sink.end.cause == Cause.COMPLETED


async def test_with_neither_ears_nor_tape_the_caller_is_told_and_nothing_is_promised() -> None:
    world = World(recogniser=NO_RECOGNISER)
    world.recorder.broken = True
    exchange = exchange_of(world)
    leg = await exchange.hold(ScriptedLeg(Listen(), Say(tone(1000))))
    assert leg.played == [exchange.prompts["sorry_outage"]]
    assert leg.hung_up
    assert world.sink.end.cause == Cause.OUT_OF_ORDER


async def test_a_flow_that_breaks_is_apologised_for() -> None:
    class Broken(ScriptedWalk):
        def after(self, *_: object) -> tuple[str, Step]:
            raise ZeroDivisionError

    world = World()
    exchange = Exchange(world, Broken(*PLAIN))
    leg = await exchange.hold(ScriptedLeg(Listen(), Say(tone(1000)), Press("#")))
    assert leg.played[-1] == exchange.prompts["sorry_outage"]
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.cause == Cause.OUT_OF_ORDER


async def test_a_flow_that_turns_in_circles_ends() -> None:
    class Circle(ScriptedWalk):
        def after(self, *_: object) -> tuple[str, Step]:
            return "0", self.steps[0]

    world = World()
    await Exchange(world, Circle(asks(Keep()))).hold(ScriptedLeg())
    assert world.sink.end.cause == Cause.OUT_OF_ORDER


async def test_a_leg_that_breaks_ends_the_call_with_its_draft() -> None:
    def breaks() -> None:
        raise ConnectionResetError

    world = World()
    await held(world, Listen(), Say(tone(1000)), Then(breaks))
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.cause == Cause.MEDIA_LOST


async def test_a_prompt_that_was_never_recorded_is_left_out() -> None:
    world = World()
    leg = await held(world, Listen(), steps=[asks(Statement(), "welcome", "no_such", "matter")])
    assert len(leg.played) == 2
    assert any("prompt_missing" in line for line in world.log.lines)


# --- a busy store


async def test_a_store_that_is_busy_for_a_moment_is_asked_again() -> None:
    world = World()
    world.sink.busy = 3
    await held(world, Listen(), Say(tone(1000)))
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.cause == Cause.COMPLETED


def kind(event: StoredEvent) -> str:
    return event.dedupe_key.split(":")[1]


@pytest.mark.parametrize("refused", ["started", "segment", "note"])
async def test_whatever_cannot_be_stored_is_apologised_for_and_tried_once_more(
    refused: str,
) -> None:
    world = World()
    exchange = exchange_of(world)

    def refuses(events: Sequence[StoredEvent]) -> bool:
        closing = kind(events[-1]) == "ended"
        return not closing and any(kind(event) == refused for event in events)

    world.sink.refuses = refuses
    leg = await exchange.hold(ScriptedLeg(Listen(), Say(tone(1000)), Say(quiet(5000))))
    assert leg.played[-1] == exchange.prompts["sorry_busy"]
    assert leg.hung_up
    assert world.sink.end.cause == Cause.STORE_BUSY
    assert refused in {kind(event) for event in world.sink.events}, "the end brings it along"


async def test_a_store_that_stays_down_is_apologised_for_and_leaves_nothing() -> None:
    world = World()
    world.sink.busy = 10_000
    exchange = exchange_of(world)
    leg = ScriptedLeg(Say(tone(500)))
    session = exchange.session(leg)
    assert await session.run()
    assert leg.played == [exchange.prompts["sorry_busy"]]
    assert not session.end_stored
    assert world.sink.events == []


async def test_a_store_that_breaks_in_another_way_is_apologised_for_just_as_well() -> None:
    class Broken(FakeSink):
        async def commit(self, events: Sequence[StoredEvent], raw: bytes = b"") -> Outcome:
            if any(kind(event) == "segment" for event in events):
                raise ZeroDivisionError
            return await super().commit(events, raw)

    world = World(sink=Broken())
    exchange = exchange_of(world)
    leg = ScriptedLeg(Listen(), Say(tone(1000)), Say(quiet(5000)))
    session = exchange.session(leg)
    assert await session.run()
    assert leg.played[-1] == exchange.prompts["sorry_busy"]
    assert not session.end_stored


# --- cancelling


async def test_cancelling_a_call_leaves_its_draft_complete() -> None:
    world = World()
    leg = ScriptedLeg(Listen(), Say(tone(1000)), Say(quiet(60_000)))
    steps = [asks(Statement(silence_s=50), "matter")]
    task = asyncio.create_task(exchange_of(world, steps).session(leg).run())
    while not world.sink.said:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.sink.end.cause == Cause.SHUTDOWN
    assert world.sink.end.recording is not None


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 40, 90, 250, 700, 1500, 2400])
async def test_cancelling_at_any_moment_leaves_no_task_behind(turns: int) -> None:
    before = asyncio.all_tasks()
    world = World()
    exchange = exchange_of(world, STEPS)
    leg = ScriptedLeg(*WAY)
    task = asyncio.create_task(exchange.session(leg).run())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await let_others_work()
    assert asyncio.all_tasks() == before
    assert len(exchange.admission) == 0
    assert isinstance(world.recogniser, FakeRecogniser)
    assert all(ears.closed for ears in world.recogniser.sessions)
    if world.sink.events:
        assert world.sink.end.moment in (CallMoment.ENDED, CallMoment.ABANDONED)


async def test_no_task_is_left_behind() -> None:
    before = asyncio.all_tasks()
    await held(World(), Listen(), Say(tone(1000)))
    await let_others_work()
    assert asyncio.all_tasks() == before


# --- the recording


async def test_the_recording_has_the_caller_left_and_the_gateway_right() -> None:
    world = World()
    exchange = exchange_of(world)
    await exchange.hold(ScriptedLeg(Say(quiet(3000)), Say(tone(500, level=3000)), HangUp()))
    (tape,) = world.recorder.tapes.values()
    both = np.frombuffer(bytes(tape), "<i2").reshape(-1, 2)
    welcome = np.frombuffer(exchange.prompts["welcome"], "<i2")
    at = int(np.flatnonzero(both[:, 1])[0])
    assert at <= 8 * 100, "the gateway speaks within the first tenth of a second"
    assert np.array_equal(both[at : at + 700, 1], welcome[:700])
    assert not both[: 8 * 3000, 0].any()
    assert both[8 * 3000 :, 0].any()


async def test_what_was_taken_back_is_not_on_the_recording() -> None:
    world = World()
    await held(
        world,
        Say(quiet(40)),
        Press("1"),
        Say(quiet(500)),
        HangUp(),
        steps=[asks(Keys(single=frozenset("1")), "menu"), asks(Statement(), "matter")],
    )
    (tape,) = world.recorder.tapes.values()
    right = np.frombuffer(bytes(tape), "<i2").reshape(-1, 2)[:, 1]
    assert np.count_nonzero(right) < 8 * (60 + 120)


# --- changing the performer

REACH = (
    asks(Keys(single=frozenset("0")), "menu", facts={"topic": "roads"}),
    asks(Connect(target="operators"), "once_more_please", node="person"),
    asks(Statement(), "matter"),
)


async def test_a_leg_that_cannot_connect_takes_the_flow_and_the_counters_along() -> None:
    world = World()
    exchange = exchange_of(world, REACH)
    leg = ScriptedLeg(
        Listen(),
        Say(tone(900)),
        Say(quiet(800)),
        Press("0"),
        capabilities=frozenset({Capability.CLEAR, Capability.HAND_BACK}),
    )
    session = exchange.session(leg)
    assert await session.run()
    assert session.handed_back
    assert not session.end_stored
    assert leg.handed is not None
    handover = Handover.parse(leg.handed)
    assert exchange.walk.step(handover.flow).node == "person"
    assert (handover.utterances, handover.recordings, handover.digits) == (1, 1, "0")
    assert handover.heard_ms == leg.now_ms
    assert [one.moment for one in world.sink.moments] == ["started", "progress", "progress"]
    assert world.sink.end.recording is not None

    back = ScriptedLeg(Listen(), Say(tone(900)))
    session = exchange.session(back, handover=handover, result=Connected(outcome=Reached.NO_ANSWER))
    assert await session.run()
    assert session.end_stored
    assert exchange.walk.results[-1] != Connected(outcome=Reached.NO_ANSWER)
    assert Connected(outcome=Reached.NO_ANSWER) in exchange.walk.results
    keys = world.sink.keys
    assert len(keys) == len(set(keys)), "no two events of the call share a key"
    assert f"{CALL.call_id}:segment:2" in keys
    recordings = [one.recording.id for one in world.sink.moments if one.recording]
    assert len(set(recordings)) == 2
    assert world.sink.end.moment is CallMoment.ENDED


async def test_a_leg_that_can_do_neither_lets_the_flow_take_another_way() -> None:
    world = World()
    exchange = exchange_of(world, REACH)
    await exchange.hold(ScriptedLeg(Listen(), Press("0"), Listen(), Say(tone(900))))
    assert exchange.walk.results[:2] == [
        Pressed(keys="0"),
        Connected(outcome=Reached.FAILED),
    ]
    assert world.sink.said == ["井盖丢了"]


async def test_a_state_of_another_flow_begins_anew() -> None:
    world = World()
    exchange = exchange_of(world)
    leg = ScriptedLeg(Listen(), Say(tone(900)))
    session = exchange.session(leg, handover=Handover(flow="stale", utterances=3))
    assert await session.run()
    assert exchange.walk.begun == 1
    assert f"{CALL.call_id}:segment:4" in world.sink.keys


async def test_a_call_that_outlived_the_gateway_goes_on_after_an_apology() -> None:
    world = World()
    exchange = exchange_of(world)
    await exchange.hold(ScriptedLeg(Listen(), Say(tone(900)), HangUp()))
    leg = ScriptedLeg(Listen(), Listen(), Say(tone(900)))
    assert await exchange.session(leg, resumed=True).run()
    assert leg.played[0] == exchange.prompts["sorry_interrupted"]
    assert world.sink.said == ["井盖丢了", "井盖丢了"] or len(world.sink.said) == 2
    keys = world.sink.keys
    assert len(keys) == len(set(keys))
    assert {event.conversation for event in world.sink.events} == {CALL.call_id}
