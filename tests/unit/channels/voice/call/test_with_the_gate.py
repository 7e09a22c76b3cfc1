"""A call and the gateway's own gate together: threads, queues and all, at many times real speed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from channels.voice.ivr.steps import Keep, Keys, Spoken, Statement
from channels.voice.leg import LegEvent
from gateway.speech.scripted import scripted_recogniser
from gateway.speech.session import GatedRecogniser
from tests.unit.channels.voice.fakes import (
    Doing,
    Exchange,
    HangUp,
    Listen,
    Say,
    ScriptedLeg,
    ScriptedWalk,
    World,
    asks,
    quiet,
    voice,
)


class Paced(ScriptedLeg):
    """A line that is forty times faster than life and no more."""

    async def events(self) -> AsyncIterator[LegEvent]:
        async for event in super().events():
            yield event
            await asyncio.sleep(0.0005)


@pytest.fixture
def world() -> World:
    return World()


async def held(world: World, recogniser: GatedRecogniser, *doing: Doing) -> Exchange:
    world.recogniser = recogniser
    exchange = Exchange(world, ScriptedWalk(asks(Statement(), "matter"), asks(Keep())))
    try:
        await exchange.hold(Paced(*doing))
    finally:
        recogniser.close()
    return exchange


async def test_every_utterance_is_in_the_draft_with_its_place_in_the_call(world: World) -> None:
    recogniser = scripted_recogniser("井盖丢了", "在建设路", "谢谢")
    await held(
        world, recogniser, Listen(), Say(voice(1500)), Say(quiet(1500)), Say(voice(1000)),
        Say(quiet(1500)), Say(voice(800)),
    )  # fmt: skip
    assert world.sink.said == ["井盖丢了", "在建设路", "谢谢"]
    starts = [one["start_ms"] for one in world.live.of("transcript.final")]
    assert starts == pytest.approx([100, 3100, 5600], abs=300)


async def test_the_last_words_before_hanging_up_are_kept(world: World) -> None:
    await held(world, scripted_recogniser("井盖丢了"), Listen(), Say(voice(1500)), HangUp())
    assert world.sink.said == ["井盖丢了"]


async def test_an_engine_that_fails_on_an_utterance_costs_that_one(world: World) -> None:
    recogniser = scripted_recogniser("井盖丢了", RuntimeError("broken"), "谢谢")
    await held(
        world, recogniser, Listen(), Say(voice(1500)), Say(quiet(1500)), Say(voice(1000)),
        Say(quiet(1500)), Say(voice(800)),
    )  # fmt: skip
    assert world.sink.said == ["井盖丢了", "谢谢"]
    assert world.sink.end.transcript_missing == "1 utterance(s) could not be recognised"


async def test_a_spoken_choice_is_understood(world: World) -> None:
    recogniser = scripted_recogniser("转人工")
    world.recogniser = recogniser
    walk = ScriptedWalk(asks(Keys(words={"人工": "person", "转人工": "person"}), "menu"))
    try:
        await Exchange(world, walk).hold(Paced(Listen(), Say(voice(900))))
    finally:
        recogniser.close()
    assert walk.results == [Spoken(text="转人工", choice="person")]
