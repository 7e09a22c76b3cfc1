"""Interrupting a prompt: a voice may, a click, a lorry and our own echo may not, a key always."""

from dataclasses import replace

import numpy as np
import pytest

from channels.voice.call.echo import likeness
from channels.voice.call.rules import BargeIn
from channels.voice.ivr.steps import Ask, Keys, Pressed, Spoken, Statement
from channels.voice.prompts import Prompts
from gateway.channel.speech import Unavailable
from tests.unit.channels.voice.fakes import (
    NO_WAITS,
    Doing,
    Exchange,
    FakeRecogniser,
    Press,
    Say,
    ScriptedLeg,
    ScriptedWalk,
    World,
    asks,
    quiet,
    tone,
    voice,
)

MENU = Keys(single=frozenset("12"), words={"投诉": "complain"})


LONG = voice(4000, seed=1)


def long_prompts() -> Prompts:
    return Prompts({"zh": {"menu": LONG, "bye": voice(100, seed=2)}}, "zh")


async def stopped_at(
    *doing: Doing,
    ask: Ask = MENU,
    world: World | None = None,
    barge_in: BargeIn | None = None,
    interruptible: bool = True,
) -> int | None:
    """Play four seconds to a caller who does this; return when it was stopped, in milliseconds."""
    stops: list[int] = []

    class Line(ScriptedLeg):
        async def clear(self) -> None:
            stops.append(self.now_ms)
            await super().clear()

    exchange = Exchange(
        world or World(recogniser=FakeRecogniser(script=("投诉", "投诉", "投诉"))),
        ScriptedWalk(asks(ask, "menu", interruptible=interruptible)),
        prompts=long_prompts(),
        rules=replace(NO_WAITS, barge_in=barge_in or BargeIn()),
    )
    await exchange.hold(Line(*doing))
    return stops[0] if stops and stops[0] < 4000 else None


async def test_a_voice_stops_a_prompt_within_half_a_second() -> None:
    at = await stopped_at(Say(quiet(2100)), Say(voice(1500)))
    assert at is not None
    assert 2100 + BargeIn().speech_ms <= at <= 2600


@pytest.mark.parametrize("ask", [MENU, Statement()])
async def test_a_short_sound_does_not(ask: Ask) -> None:
    world = World(recogniser=FakeRecogniser(script=()))
    assert await stopped_at(Say(quiet(1000)), Say(voice(160)), ask=ask, world=world) is None


async def test_a_key_stops_it_at_once() -> None:
    at = await stopped_at(Say(quiet(1000)), Press("1"))
    assert at is not None
    assert at <= 1040


async def test_the_prompt_itself_coming_back_does_not() -> None:
    echo = np.frombuffer(LONG, "<i2")
    for delay_ms, gain in ((60, 0.5), (400, 0.9), (1000, 0.3)):
        late = quiet(delay_ms) + (echo * gain).astype("<i2").tobytes()
        assert await stopped_at(Say(late[: 3900 * 16])) is None


async def test_a_voice_over_the_echo_still_does() -> None:
    echo = np.frombuffer(LONG, "<i2") * 0.2
    speech = np.frombuffer(quiet(2100) + voice(1900), "<i2")
    both = (np.concatenate([np.zeros(800), echo[:-800]]) + speech).clip(-32768, 32767)
    at = await stopped_at(Say(both.astype("<i2").tobytes()))
    assert at is not None
    assert 2100 < at <= 2700


async def test_noise_that_the_recogniser_knows_for_noise_does_not() -> None:
    world = World(recogniser=FakeRecogniser(deaf=True))
    assert await stopped_at(Say(quiet(500)), Say(voice(3000)), world=world) is None


async def test_without_a_recogniser_only_keys_do() -> None:
    world = World(recogniser=Unavailable(reason="none", cure="fetch one"))
    assert await stopped_at(Say(voice(3000)), world=world) is None
    world = World(recogniser=Unavailable(reason="none", cure="fetch one"))
    assert await stopped_at(Say(voice(500)), Press("1"), world=world) is not None


@pytest.mark.parametrize(
    "ask", [Keys(single=frozenset("1"), words={"投诉": "x"}, barge_in=False), Keys()]
)
async def test_a_step_may_forbid_it_or_have_no_use_for_it(ask: Keys) -> None:
    assert await stopped_at(Say(quiet(200)), Say(voice(2500)), ask=ask) is None


async def test_a_statement_may_begin_before_the_prompt_is_over() -> None:
    at = await stopped_at(Say(quiet(2100)), Say(voice(1500)), ask=Statement())
    assert at is not None
    assert at <= 2600


async def test_a_hello_does_not_cost_the_greeting_but_a_sentence_does() -> None:
    world = World(recogniser=FakeRecogniser(script=("喂",)))
    assert await stopped_at(Say(quiet(400)), Say(voice(700)), ask=Statement(), world=world) is None
    at = await stopped_at(Say(quiet(400)), Say(voice(2500)), ask=Statement())
    assert at is not None
    assert 1400 <= at <= 1900


async def test_words_can_be_asked_for_before_a_voice_counts() -> None:
    wanted = BargeIn(words=2)
    world = World(recogniser=FakeRecogniser(script=("嗯",), partials=True))
    assert await stopped_at(Say(voice(2500)), world=world, barge_in=wanted) is None
    world = World(recogniser=FakeRecogniser(script=("投诉电话",), partials=True))
    assert await stopped_at(Say(voice(2500)), world=world, barge_in=wanted) is not None


async def test_what_was_said_over_the_prompt_is_the_answer() -> None:
    world = World(recogniser=FakeRecogniser(script=("投诉",)))
    exchange = Exchange(world, ScriptedWalk(asks(MENU, "menu")), prompts=long_prompts())
    await exchange.hold(ScriptedLeg(Say(quiet(800)), Say(voice(900))))
    assert exchange.walk.results == [Spoken(text="投诉", choice="complain")]


async def test_a_key_beats_a_voice() -> None:
    world = World(recogniser=FakeRecogniser(script=("投诉",)))
    exchange = Exchange(world, ScriptedWalk(asks(MENU, "menu")), prompts=long_prompts())
    await exchange.hold(ScriptedLeg(Say(quiet(800)), Say(voice(600)), Press("2"), Say(quiet(800))))
    assert exchange.walk.results == [Pressed(keys="2")]


# --- the measure of likeness


def test_an_echo_is_like_what_was_said_and_another_voice_is_not() -> None:
    said = voice(1600, seed=3)
    for delay_ms in (0, 20, 333, 900):
        end = (1600 - delay_ms) * 16
        assert likeness(said[end - 400 * 16 : end], said) > 0.99
    assert likeness(voice(400, seed=4), said) < 0.2
    assert likeness(tone(400), said) < 0.3


def test_silence_is_like_nothing() -> None:
    assert likeness(quiet(400), voice(1600)) == 0
    assert likeness(voice(400), quiet(1600)) == 0
    assert likeness(b"", voice(1600)) == 0
    assert likeness(voice(400), b"") == 0


def test_an_echo_in_noise_is_still_one() -> None:
    said = np.frombuffer(voice(1600, seed=3), "<i2")
    heard = said[8 * 1000 : 8 * 1400] * 0.4 + np.frombuffer(voice(400, 5, 800), "<i2")
    assert likeness(heard.astype("<i2").tobytes(), said.tobytes()) > 0.8
