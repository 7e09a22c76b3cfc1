"""One call, told as a story each: whatever happens on the line, what was said is not lost."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from channels.voice.leg import EndedBy
from channels.voice.prompts import Prompts
from channels.voice.session import DIGITS_KEPT, CallSession, Cause, Rules
from gateway.channel.speech import StoredRecording, Unavailable
from gateway.domain.intake import CallMoment, InboundMessage, Outcome
from tests.unit.channels.voice.fakes import (
    CALL,
    NO_WAITS,
    FakePlayback,
    FakeRecogniser,
    HangUp,
    Listen,
    Press,
    Say,
    ScriptedLeg,
    Step,
    Then,
    World,
    quiet,
    short_prompts,
    tone,
)

NO_RECOGNISER = Unavailable(reason="no speech model", cure="fetch one")


def session_of(
    world: World, leg: ScriptedLeg, *, rules: Rules = NO_WAITS, prompts: Prompts | None = None
) -> CallSession:
    return CallSession(
        leg, ports=world.ports, prompts=prompts or short_prompts(), language="zh", rules=rules
    )


async def held(
    world: World, *steps: Step, rules: Rules = NO_WAITS, prompts: Prompts | None = None
) -> ScriptedLeg:
    """Hold one call and return its line."""
    leg = ScriptedLeg(*steps)
    session = CallSession(
        leg, ports=world.ports, prompts=prompts or short_prompts(), language="zh", rules=rules
    )
    async with asyncio.timeout(20):
        assert await session.run()
    return leg


async def test_silence_after_the_statement_ends_it_and_the_receipt_number_is_read_twice() -> None:
    world, prompts = World(), short_prompts()
    leg = await held(world, Listen(), Say(tone(2000)), prompts=prompts)
    assert leg.hung_up
    assert world.sink.said == ["井盖丢了"]
    farewell = leg.played[-1]
    number = prompts.spelled("2611210000018")
    assert farewell.count(number) == 2
    assert farewell.endswith(prompts["thanks"])
    assert prompts.spelled("204816") in farewell
    assert world.sink.end.cause == Cause.COMPLETED
    assert world.sink.end.moment is CallMoment.ENDED


async def test_the_statement_ends_four_seconds_after_the_last_word_and_not_before() -> None:
    world = World()
    leg = await held(world, Listen(), Say(tone(1000)), Say(quiet(3900)), Say(tone(1000)))
    assert world.sink.said == ["井盖丢了", "在建设路"]
    assert len(leg.played) == 2


async def test_the_call_is_stored_before_the_caller_hears_a_word() -> None:
    world, stored = World(), []

    class Line(ScriptedLeg):
        async def play(self, pcm: bytes) -> FakePlayback:
            stored.append(len(world.sink.events))
            return await super().play(pcm)

    await CallSession(
        Line(Listen(), HangUp()),
        ports=world.ports,
        prompts=short_prompts(),
        language="zh",
        rules=NO_WAITS,
    ).run()
    assert stored == [1]


async def test_hanging_up_in_mid_sentence_keeps_the_last_words_and_the_recording() -> None:
    world = World()
    leg = await held(world, Listen(), Say(tone(1500)), HangUp())
    assert not leg.hung_up
    assert world.sink.said == ["井盖丢了"]
    end = world.sink.end
    assert end.moment is CallMoment.ENDED
    assert end.cause == Cause.CALLER_HUNG_UP
    assert end.recording is not None
    assert end.recording.sha256
    assert end.duration_ms == leg.now_ms == end.recording.duration_ms


async def test_each_utterance_is_stored_while_the_caller_still_speaks() -> None:
    world = World()
    seen: list[list[str]] = []
    await held(
        world,
        Listen(),
        Say(tone(800)),
        Say(quiet(600)),
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
    assert message.transcript.engine == "scripted"
    assert message.reporter is not None
    assert message.reporter.verified_by == "caller_id"


async def test_a_caller_who_withholds_the_number_is_anonymous() -> None:
    world = World()
    leg = ScriptedLeg(Listen(), Say(tone(800)), call=replace(CALL, caller=None))
    session = session_of(world, leg)
    await session.run()
    begun = world.sink.moments[0]
    assert begun.contact == f"unknown:{CALL.call_id}"
    assert begun.reporter is not None
    assert begun.reporter.anonymous
    assert begun.reporter.phone is None


async def test_a_key_ends_the_statement_at_once() -> None:
    world = World()
    leg = await held(world, Listen(), Say(tone(2000)), Press("#"))
    patient = await held(World(), Listen(), Say(tone(2000)))
    assert leg.now_ms < patient.now_ms - 3000
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.digits == "#"


async def test_a_key_cuts_the_greeting_short_without_ending_the_statement() -> None:
    world = World()
    leg = await held(world, Say(quiet(100)), Press("##"), Say(quiet(40)), Say(tone(1500)))
    assert leg.cleared == 1
    assert world.sink.said == ["井盖丢了"]


async def test_a_silent_caller_is_asked_once_more_and_then_let_go() -> None:
    world, prompts = World(), short_prompts()
    leg = await held(world, prompts=prompts)
    assert leg.played[1:] == [prompts["are_you_there"], prompts["nothing_heard"]]
    assert world.sink.end.moment is CallMoment.ABANDONED
    assert world.sink.end.cause == Cause.NOTHING_SAID


async def test_a_caller_who_answers_the_reminder_is_heard() -> None:
    world, prompts = World(), short_prompts()
    leg = await held(world, Listen(), Say(quiet(12_100)), Listen(), Say(tone(800)), prompts=prompts)
    assert prompts["are_you_there"] in leg.played
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.cause == Cause.COMPLETED


async def test_a_greeting_spoken_into_the_prompt_does_not_shorten_the_time_to_think() -> None:
    world = World(recogniser=FakeRecogniser(script=("喂你好", "井盖丢了")))
    await held(world, Say(tone(300)), Listen(), Say(quiet(8000)), Say(tone(800)))
    assert world.sink.said == ["喂你好", "井盖丢了"]


async def test_hanging_up_without_a_word_is_an_abandoned_call() -> None:
    world = World()
    await held(world, Say(quiet(600)), HangUp())
    assert [event.moment for event in world.sink.moments] == [
        CallMoment.STARTED,
        CallMoment.ABANDONED,
    ]
    assert world.sink.end.recording is not None


async def test_without_a_recogniser_the_call_is_recorded_and_the_draft_says_why() -> None:
    world = World(recogniser=NO_RECOGNISER)
    leg = await held(world, Listen(), Say(tone(2000)))
    end = world.sink.end
    assert end.transcript_missing == "no speech model"
    assert end.moment is CallMoment.ENDED
    assert end.recording is not None
    assert short_prompts()["thanks"] in leg.played[-1]


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


async def test_a_full_disk_costs_only_the_recording() -> None:
    world = World()
    world.recorder.broken = True
    await held(world, Listen(), Say(tone(1000)))
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.recording is None
    assert any("recording_failed" in line for line in world.log.lines)


async def test_with_neither_ears_nor_tape_the_caller_is_told_and_nothing_is_promised() -> None:
    world, prompts = World(recogniser=NO_RECOGNISER), short_prompts()
    world.recorder.broken = True
    leg = await held(world, Listen(), Say(tone(1000)), prompts=prompts)
    assert leg.played == [prompts["sorry_outage"]]
    assert leg.hung_up
    assert world.sink.end.cause == Cause.OUT_OF_ORDER


async def test_a_store_that_is_busy_for_a_moment_is_asked_again() -> None:
    world = World()
    world.sink.busy = 3
    await held(world, Listen(), Say(tone(1000)))
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.cause == Cause.COMPLETED


async def test_a_store_that_stays_busy_at_the_start_means_an_apology_and_no_receipt() -> None:
    world, prompts = World(), short_prompts()
    world.sink.busy = 1000
    leg = await held(world, Say(tone(500)), prompts=prompts)
    assert leg.played == [prompts["sorry_busy"]]
    assert leg.hung_up
    assert world.sink.events == []


async def test_an_utterance_that_cannot_be_stored_means_an_apology_but_is_tried_again() -> None:
    world, prompts = World(), short_prompts()

    def goes_down() -> None:
        world.sink.busy = 4

    leg = await held(world, Listen(), Then(goes_down), Say(tone(1000)), prompts=prompts)
    assert leg.played[-1] == prompts["sorry_busy"]
    assert not any(prompts["receipt_number_is"] in said for said in leg.played)
    assert world.sink.end.cause == Cause.STORE_BUSY
    assert world.sink.said == ["井盖丢了"]


async def test_a_stream_played_back_stores_nothing() -> None:
    world = World()
    call = replace(CALL, began_at=world.clock.now())
    first = ScriptedLeg(Listen(), Say(tone(1000)), call=call)
    assert await session_of(world, first).run()
    before = list(world.sink.events)
    world.clock.advance(5)
    again = ScriptedLeg(Listen(), Say(tone(1000)), call=call)
    assert not await session_of(world, again).run()
    assert world.sink.events == before
    assert again.played == []


async def test_a_thousand_digits_do_not_grow_the_draft() -> None:
    world = World()
    await held(world, Listen(), Say(tone(1000)), Press("1" * 1000), HangUp())
    assert world.sink.end.digits == "1" * DIGITS_KEPT


async def test_a_statement_without_end_is_stopped_politely() -> None:
    world, prompts = World(), short_prompts()
    rules = replace(NO_WAITS, statement_s=5.0)
    leg = await held(world, Listen(), Say(tone(20_000)), rules=rules, prompts=prompts)
    assert prompts["limit_reached"] in leg.played
    assert prompts["thanks"] in leg.played[-1]
    assert leg.hung_up


async def test_steady_noise_does_not_keep_the_line_open() -> None:
    world = World(recogniser=FakeRecogniser(deaf=True))
    leg = await held(world, Listen(), Say(tone(60_000, level=1500)))
    assert leg.hung_up


async def test_a_recogniser_that_hears_late_does_not_cut_a_sentence() -> None:
    world = World(recogniser=FakeRecogniser(deaf=True))
    leg = await held(world, Listen(), Say(tone(7000)), HangUp())
    assert len(leg.played) == 1
    assert world.sink.end.cause == Cause.CALLER_HUNG_UP


async def test_media_that_stops_without_farewell_ends_the_call_with_what_was_said() -> None:
    world = World()
    await held(world, Listen(), Say(tone(1000)), HangUp(by=EndedBy.NETWORK))
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.cause == Cause.MEDIA_LOST


async def test_shutting_down_in_a_call_leaves_its_draft_complete() -> None:
    world = World()
    leg = ScriptedLeg(Listen(), Say(tone(1000)), Say(quiet(60_000)))
    session = CallSession(
        leg,
        ports=world.ports,
        prompts=short_prompts(),
        language="zh",
        rules=replace(NO_WAITS, silence_s=50.0),
    )
    task = asyncio.create_task(session.run())
    while not world.sink.said:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.sink.end.cause == Cause.SHUTDOWN
    assert world.sink.end.recording is not None


async def test_shutting_down_while_a_call_is_closed_loses_nothing() -> None:
    world = World()
    leg = ScriptedLeg(Listen(), Say(tone(1000)), HangUp())
    session = session_of(world, leg)
    closing, go_on = asyncio.Event(), asyncio.Event()
    finish = session._tape.finish

    async def slow() -> StoredRecording | None:
        closing.set()
        await go_on.wait()
        return await finish()

    session._tape.finish = slow  # type: ignore[method-assign]
    task = asyncio.create_task(session.run())
    await closing.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.sink.said == ["井盖丢了"]
    assert world.sink.end.recording is not None


async def test_the_recording_has_the_caller_left_and_the_gateway_right() -> None:
    world, prompts = World(), short_prompts()
    await held(world, Say(quiet(3000)), Say(tone(500, level=3000)), HangUp(), prompts=prompts)
    (tape,) = world.recorder.tapes.values()
    both = np.frombuffer(bytes(tape), "<i2").reshape(-1, 2)
    greeting = np.frombuffer(prompts["greeting"], "<i2")
    at = int(np.flatnonzero(both[:, 1])[0])
    assert at <= 8 * 100, "the gateway speaks within the first tenth of a second"
    first = np.flatnonzero(greeting)[0]
    assert np.array_equal(both[at : at + 700, 1], greeting[first : first + 700])
    assert not both[: 8 * 3000, 0].any()
    assert both[8 * 3000 :, 0].any()


async def test_a_case_without_receipt_number_still_says_goodbye() -> None:
    world, prompts = World(), short_prompts()
    world.sink.outcome = Outcome(status="accepted")
    leg = await held(world, Listen(), Say(tone(1000)), prompts=prompts)
    assert leg.played[-1] == prompts["thanks"]


async def test_no_task_is_left_behind() -> None:
    before = asyncio.all_tasks()
    world = World()
    await held(world, Listen(), Say(tone(1000)))
    assert asyncio.all_tasks() == before
    assert isinstance(world.recogniser, FakeRecogniser)
    assert all(ears.closed for ears in world.recogniser.sessions)
