"""The telephone as an account builds it: the shipped flow and prompts, over a scripted line."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from channels.voice.call.cause import Cause
from channels.voice.config import VoiceSettings
from channels.voice.ivr.steps import Digits, Facts, Prompt
from channels.voice.leg import Connecting
from channels.voice.telephone import SHIPPED, Telephone, language_of, telephone
from gateway.channel.speech import Unavailable
from gateway.config import ConfigError
from gateway.domain.intake import CallMoment
from tests.contract.kit.fakes import FakeClock
from tests.unit.channels.voice.fakes import (
    RECEIPT,
    Doing,
    FakeRecogniser,
    HangUp,
    Listen,
    Person,
    Press,
    Say,
    ScriptedLeg,
    Then,
    World,
    quiet,
    tone,
)

GIVEN = {
    "kind": "voice",
    "account": "demo",
    "account_sid": "AC" + "0" * 32,
    "auth_token": "an-invented-auth-token",
    "targets": {"operators": ["a", "b"], "110": ["p"]},
}


def phone(world: World, **settings: Any) -> Telephone:
    return telephone(VoiceSettings.model_validate({**GIVEN, **settings}), world.ports)


async def called(
    world: World,
    *doing: Doing,
    people: Mapping[str, Person] | None = None,
    **settings: Any,
) -> tuple[ScriptedLeg, Telephone]:
    """Hold one call through the shipped flow."""
    one = phone(world, **settings)
    leg = ScriptedLeg(*doing, people=people)
    async with asyncio.timeout(60):
        assert await one.session(leg).run()
    return leg, one


def heard(leg: ScriptedLeg, one: Telephone, part: Prompt | Digits, language: str = "zh") -> int:
    """How often the caller was told this."""
    sound = one.prompts.render(part, language)
    return sum(pcm.count(sound) for pcm in leg.played)


NUMBER = Digits(digits=RECEIPT.receipt_no or "")


async def test_who_simply_speaks_gets_a_draft_and_hears_its_number_twice() -> None:
    world = World()
    leg, one = await called(world, Listen(), Say(tone(2000)))
    assert world.sink.said == ["井盖丢了"]
    assert heard(leg, one, NUMBER) == 2
    assert heard(leg, one, Digits(digits=RECEIPT.query_code or "")) == 1
    assert world.sink.end.cause == Cause.COMPLETED
    assert world.sink.moments[0].flow == one.walk.version


async def test_who_says_nothing_is_reminded_and_let_go() -> None:
    world = World()
    leg, one = await called(world)
    assert heard(leg, one, Prompt(name="are_you_there")) >= 1
    assert heard(leg, one, NUMBER) == 0
    assert world.sink.end.moment is CallMoment.ABANDONED
    assert world.sink.end.callback_reason == "missed"


async def test_without_a_recogniser_a_statement_is_recorded_and_has_its_number() -> None:
    world = World(recogniser=Unavailable(reason="no speech model", cure="fetch one"))
    leg, one = await called(world, Listen(), Say(tone(3000)))
    assert heard(leg, one, NUMBER) == 2
    assert world.sink.end.transcript_missing == "no speech model"
    assert world.sink.end.recording is not None


async def test_zero_leads_to_a_person_and_to_the_survey(operators_on_duty: None) -> None:
    world = World()
    person = Person(talks_ms=3000, voice=tone(1000))
    leg, _ = await called(
        world, Listen(), Press("0"), Listen(), Say(quiet(6000)), Listen(), Press("1"),
        people={"a": person, "b": Person(becomes=Connecting.BUSY)},
    )  # fmt: skip
    assert leg.rung
    assert len(world.sink.end.connected) == 1
    assert [one.rating for one in world.sink.moments if one.rating] == [5]


async def test_nobody_free_ends_in_a_statement_of_ones_own(operators_on_duty: None) -> None:
    world = World()
    busy = Person(becomes=Connecting.BUSY)
    waiting = (Say(quiet(40_000)), Then(lambda: world.clock.advance(40))) * 8
    leg, one = await called(
        world, Listen(), Press("0"), *waiting, Listen(), Say(tone(1500)),
        people={"a": busy, "b": busy},
    )  # fmt: skip
    assert len(leg.rung) > 3, "busy people are rung again after a while"
    assert world.sink.said
    assert heard(leg, one, NUMBER) == 2


async def test_a_caller_may_ask_to_be_called_back(operators_on_duty: None) -> None:
    world = World()
    late = Person(after_ms=100_000)
    await called(
        world, Listen(), Press("0"), Say(quiet(12_000)), Press("1"), Listen(), Press("1"),
        people={"a": late, "b": late},
    )  # fmt: skip
    (asked,) = [one for one in world.sink.moments if one.moment is CallMoment.CALLBACK_REQUESTED]
    assert asked.callback_number == "+8613800138000"
    assert world.sink.end.callback_reason is None


async def test_the_language_can_be_changed() -> None:
    world = World(recogniser=FakeRecogniser(script=("There is a hole in the road",)))
    leg, one = await called(world, Listen(), Press("8"), Listen(), Say(tone(1500)))
    assert heard(leg, one, NUMBER, "en") == 2
    assert [one.language for one in world.sink.moments if one.language] == ["en"]


async def test_a_full_house_leads_callers_the_short_way() -> None:
    world = World()
    one = phone(world, max_calls=1)
    one.admission.enter(lambda: None)
    leg = ScriptedLeg(Listen(), Say(tone(1500)), HangUp())
    assert await one.session(leg).run()
    assert heard(leg, one, Prompt(name="very_busy")) == 1
    assert world.sink.end.recording is not None


async def test_a_telephone_that_drains_takes_no_further_call() -> None:
    world = World()
    one = phone(world, drain=0.05)
    leg = ScriptedLeg(Listen(), Say(quiet(1000)), Press("0"), Say(quiet(100_000)))
    holding = asyncio.create_task(one.session(leg).run())
    await asyncio.sleep(0)
    before = one.full
    await one.drain()
    assert (before, one.full) == (False, True)
    assert await holding
    assert world.sink.end.recording is not None


@pytest.mark.parametrize(
    ("site", "language"), [("zh-CN", "zh"), ("en", "en"), ("EN-GB", "en"), ("ug", "zh")]
)
def test_a_site_without_prompts_in_its_language_speaks_chinese(site: str, language: str) -> None:
    assert language_of(site) == language


def test_a_flow_that_cannot_be_read_is_named_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml"):
        phone(World(), flow=str(tmp_path / "missing.yaml"))


# --- a flow that is edited while calls go on


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """The shipped flow, to be edited."""
    copytree(SHIPPED.parent, tmp_path / "ivr")
    copytree(SHIPPED.parents[1] / "calendars", tmp_path / "calendars")
    return tmp_path / "ivr" / SHIPPED.name


async def edited(one: Telephone, world: World, flow: Path, before: str, after: str) -> None:
    """Change the file, and let the next call notice."""
    text = flow.read_text("utf-8")
    assert before in text
    flow.write_text(text.replace(before, after), "utf-8")
    world.clock.advance(6)
    one.session(ScriptedLeg())
    for _ in range(500):
        await asyncio.sleep(0.01)
        if one._reading is None:
            return


async def test_a_changed_flow_leads_the_calls_to_come(flow: Path) -> None:
    world = World()
    one = phone(world, flow=str(flow))
    before = one.walk
    state, _ = before.begin(facts_of(world))
    await edited(one, world, flow, "flow: hotline", "flow: changed")
    assert one.walk.version.startswith("changed@")
    assert one.walk_of(state).version == before.version, "calls under way keep theirs"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("start: opening", "start: nowhere"),
        ("flow: hotline", "flow: [hotline"),
        ("prompts: recording_notice", "prompts: never_recorded"),
    ],
)
async def test_a_mistake_in_a_changed_flow_takes_nothing_away(
    flow: Path, before: str, after: str
) -> None:
    world = World()
    one = phone(world, flow=str(flow))
    walk = one.walk
    await edited(one, world, flow, before, after)
    assert one.walk is walk
    assert any("flow_not_reloaded" in line for line in world.log.lines)
    leg = ScriptedLeg(Listen(), Say(tone(1000)))
    assert await one.session(leg).run()
    assert heard(leg, one, NUMBER) == 2


async def test_a_calendar_without_this_year_is_told_of_at_the_start_and_daily() -> None:
    world = World()
    world.clock.advance(10 * 366 * 24 * 3600)
    one = phone(world)
    told = [line for line in world.log.lines if "calendar_year_unknown" in line]
    assert len(told) == 1
    one.look_again()
    world.clock.advance(25 * 3600)
    one.look_again()
    told = [line for line in world.log.lines if "calendar_year_unknown" in line]
    assert len(told) == 2


def facts_of(world: World) -> Facts:
    return Facts(entry="12345", caller=None, at=world.clock.now(), language="zh")


@pytest.fixture
def operators_on_duty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the test stands at noon."""
    noon = datetime.fromisoformat("2026-11-24T04:00:00+00:00")
    monkeypatch.setattr(FakeClock, "now", lambda self: noon)
