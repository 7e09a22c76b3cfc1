"""Each kind of step, performed over a line: what the caller does is what the flow is told."""

from collections.abc import Sequence

import pytest

from channels.voice.ivr.steps import Keep as KeepStep
from channels.voice.ivr.steps import (
    Kept,
    Keys,
    Look,
    Looked,
    NoInput,
    Pressed,
    Spoken,
    Stated,
    StatedBy,
    Statement,
    Step,
)
from gateway.domain.intake import CallMoment, CaseStatus
from tests.unit.channels.voice.fakes import (
    Doing,
    Exchange,
    FakeRecogniser,
    HangUp,
    Listen,
    Press,
    Say,
    ScriptedLeg,
    ScriptedWalk,
    World,
    asks,
    quiet,
    tone,
)

MENU = Keys(single=frozenset("012"), words={"投诉": "complain", "人工": "person"})
NUMBER = Keys(at_most=11, single=frozenset(), first_s=3, between_s=2)


async def performed(
    step: Step, *doing: Doing, world: World | None = None, more: Sequence[Step] = ()
) -> tuple[object, ScriptedLeg, Exchange]:
    """Perform one step and return its result."""
    exchange = Exchange(world or World(), ScriptedWalk(step, *more))
    leg = await exchange.hold(ScriptedLeg(*doing))
    return exchange.walk.results[0] if exchange.walk.results else None, leg, exchange


# --- keys


async def test_a_single_key_answers_at_once() -> None:
    result, leg, _ = await performed(asks(MENU, "menu"), Listen(), Press("2"))
    assert result == Pressed(keys="2")
    assert leg.now_ms < 1000


async def test_a_key_during_the_prompt_stops_it_and_counts() -> None:
    result, leg, _ = await performed(asks(MENU, "menu"), Say(quiet(60)), Press("1"))
    assert result == Pressed(keys="1")
    assert leg.cleared == 1
    assert leg.now_ms < 300


async def test_a_key_during_a_prompt_that_must_be_heard_is_no_answer() -> None:
    step = asks(MENU, "menu", interruptible=False)
    result, leg, _ = await performed(step, Say(quiet(20)), Press("1"))
    assert result == NoInput()
    assert leg.cleared == 0


async def test_keys_typed_ahead_answer_the_questions_to_come() -> None:
    more = [asks(NUMBER, "matter"), asks(MENU, "menu")]
    _, leg, exchange = await performed(
        asks(MENU, "menu"), Say(quiet(40)), Press("112345#2"), more=more
    )
    assert exchange.walk.results == [Pressed(keys="1"), Pressed(keys="12345"), Pressed(keys="2")]
    assert len(leg.played) == 2, "the menu that was cut short, and the farewell"


async def test_a_number_ends_with_its_last_digit_a_hash_or_a_pause() -> None:
    for keys, doing in (
        ("13800138000", [Press("13800138000")]),
        ("0531", [Press("0531#")]),
        ("0531", [Press("05"), Say(quiet(1900)), Press("31"), Say(quiet(2100))]),
        ("", [Press("#")]),
    ):
        result, _, _ = await performed(asks(NUMBER, "matter"), Listen(), *doing)
        assert result == Pressed(keys=keys)


async def test_silence_is_no_input_after_the_time_given_in_the_callers_audio() -> None:
    result, leg, _ = await performed(asks(NUMBER, "matter"))
    assert result == NoInput()
    assert 3000 <= leg.now_ms < 3600


async def test_a_step_that_asks_nothing_only_says_its_parts() -> None:
    step = asks(Keys(first_s=0), "welcome")
    result, leg, exchange = await performed(step, Listen())
    assert result == NoInput()
    assert leg.heard(exchange.prompts, "welcome")
    assert leg.now_ms < 600


async def test_a_thousand_keys_a_second_do_no_harm() -> None:
    steps = [asks(MENU, "menu")] * 8
    _, leg, exchange = await performed(
        steps[0], Listen(), Press("7" * 1000), Say(quiet(3000)), HangUp(), more=steps[1:]
    )
    assert len(exchange.world.sink.end.digits) == 64
    assert all(result == Pressed(keys="7") for result in exchange.walk.results)
    assert not leg.hung_up or len(exchange.walk.results) == 8


# --- spoken choices


def hears(*script: str, partials: bool = False) -> World:
    return World(recogniser=FakeRecogniser(script=script, partials=partials))


async def test_a_spoken_choice_is_told_with_what_it_stands_for() -> None:
    world = hears("人工")
    result, _, _ = await performed(asks(MENU, "menu"), Listen(), Say(tone(600)), world=world)
    assert result == Spoken(text="人工", choice="person")
    assert world.sink.said == [], "a command is not part of the caller's matter"


async def test_a_choice_inside_a_sentence_counts_and_the_sentence_is_kept() -> None:
    world = hears("我要投诉楼下的烧烤店")
    result, _, _ = await performed(asks(MENU, "menu"), Listen(), Say(tone(900)), world=world)
    assert result == Spoken(text="我要投诉楼下的烧烤店", choice="complain")
    assert world.sink.said == ["我要投诉楼下的烧烤店"]


async def test_words_that_mean_no_choice_are_told_as_they_are() -> None:
    world = hears("我家门口的路灯坏了")
    result, _, _ = await performed(asks(MENU, "menu"), Listen(), Say(tone(900)), world=world)
    assert result == Spoken(text="我家门口的路灯坏了", choice=None)


async def test_who_pauses_in_his_answer_is_heard_to_the_end() -> None:
    world = hears("我家门口", "路灯坏了")
    doing = (Listen(), Say(tone(700)), Say(quiet(700)), Say(tone(700)))
    result, _, _ = await performed(asks(MENU, "menu"), *doing, world=world)
    assert result == Spoken(text="我家门口 路灯坏了", choice=None)
    assert world.sink.said == ["我家门口", "路灯坏了"]


async def test_a_stable_partial_already_answers() -> None:
    world = hears("人工", partials=True)
    result, leg, _ = await performed(asks(MENU, "menu"), Listen(), Say(tone(3000)), world=world)
    assert result == Spoken(text="人工", choice="person")
    assert leg.now_ms < 1500
    assert world.sink.said == [], "nor is its final text a message later"


async def test_somebody_who_speaks_without_being_understood_is_not_silent() -> None:
    world = World(recogniser=FakeRecogniser(script=()))
    result, _, _ = await performed(asks(MENU, "menu"), Listen(), Say(tone(900)), world=world)
    assert result == Spoken(text="")


async def test_who_begins_to_speak_late_is_let_finish() -> None:
    world = hears("投诉")
    result, _, _ = await performed(
        asks(MENU, "menu"), Listen(), Say(quiet(5500)), Say(tone(1500)), world=world
    )
    assert result == Spoken(text="投诉", choice="complain")


async def test_a_key_wins_over_what_is_being_said() -> None:
    world = hears("人工")
    result, _, _ = await performed(
        asks(MENU, "menu"), Listen(), Say(tone(400)), Press("2"), Say(tone(400)), world=world
    )
    assert result == Pressed(keys="2")


# --- statements

TELL = Statement(words={"人工": "person"}, single=frozenset("0"))


async def test_a_statement_ends_after_silence_and_not_before() -> None:
    world = hears("井盖丢了", "在建设路")
    doing = (Listen(), Say(tone(1200)), Say(quiet(3500)), Say(tone(1200)))
    result, leg, _ = await performed(asks(TELL, "matter"), *doing, world=world)
    assert result == Stated(heard=True, by=StatedBy.SILENCE)
    assert world.sink.said == ["井盖丢了", "在建设路"]
    assert 9900 <= leg.now_ms < 11500


async def test_a_statement_without_a_word_ends_later() -> None:
    result, leg, _ = await performed(asks(TELL, "matter"))
    assert result == Stated(heard=False, by=StatedBy.SILENCE)
    assert leg.now_ms >= 12_000


@pytest.mark.parametrize(("key", "told"), [("#", None), ("0", "0")])
async def test_a_key_ends_a_statement(key: str, told: str | None) -> None:
    result, _, _ = await performed(asks(TELL, "matter"), Listen(), Say(tone(1000)), Press(key))
    assert result == Stated(heard=True, by=StatedBy.KEY, key=told)


async def test_keys_meant_for_the_prompt_do_not_end_the_statement() -> None:
    result, leg, _ = await performed(
        asks(TELL, "matter"), Say(quiet(40)), Press("##"), Say(quiet(40)), Say(tone(1500))
    )
    assert result == Stated(heard=True, by=StatedBy.SILENCE)
    assert leg.cleared == 1


async def test_the_key_for_a_person_works_during_the_prompt_too() -> None:
    result, _, _ = await performed(asks(TELL, "matter"), Say(quiet(40)), Press("0"))
    assert result == Stated(heard=False, by=StatedBy.KEY, key="0")


async def test_a_statement_without_end_is_stopped() -> None:
    step = asks(Statement(limit_s=5), "matter")
    result, _, _ = await performed(step, Listen(), Say(tone(9000)), HangUp())
    assert result == Stated(heard=True, by=StatedBy.LIMIT)


async def test_asking_for_a_person_instead_of_stating_something_is_a_choice() -> None:
    world = hears("请转人工", "井盖丢了")
    result, _, _ = await performed(asks(TELL, "matter"), Listen(), Say(tone(600)), world=world)
    assert result == Stated(heard=True, by=StatedBy.WORDS, choice="person")
    assert world.sink.said == []


async def test_the_same_words_later_in_a_statement_belong_to_it() -> None:
    world = hears("井盖丢了", "人工")
    doing = (Listen(), Say(tone(1200)), Say(quiet(700)), Say(tone(600)))
    result, _, _ = await performed(asks(TELL, "matter"), *doing, world=world)
    assert result == Stated(heard=True, by=StatedBy.SILENCE)
    assert world.sink.said == ["井盖丢了", "人工"]


async def test_a_voicemail_is_recorded_and_not_written_down() -> None:
    world = hears("井盖丢了")
    step = asks(Statement(recognise=False), "matter")
    result, _, _ = await performed(step, Listen(), Say(tone(2000)), world=world)
    assert result == Stated(heard=True, by=StatedBy.SILENCE)
    assert world.sink.said == []
    assert world.sink.end.moment is CallMoment.ENDED
    assert world.sink.end.transcript_missing == "a message that was only recorded"


async def test_noise_without_words_does_not_keep_a_statement_open() -> None:
    world = World(recogniser=FakeRecogniser(deaf=True))
    _, leg, _ = await performed(
        asks(TELL, "matter"), Listen(), Say(tone(60_000, level=1500)), world=world
    )
    assert leg.now_ms < 40_000


async def test_a_word_into_the_prompt_does_not_shorten_the_time_to_think() -> None:
    world = hears("喂你好", "井盖丢了")
    doing = (Say(tone(300)), Listen(), Say(quiet(8000)), Say(tone(1000)))
    step = asks(Statement(barge_in=False), "welcome", "menu", "matter")
    await performed(step, *doing, world=world)
    assert world.sink.said == ["喂你好", "井盖丢了"]


# --- keeping and looking up


async def test_what_is_kept_can_be_read_out() -> None:
    world = World()
    result, _, _ = await performed(
        asks(KeepStep(rating=4, callback_number="+8613800138000")), world=world
    )
    assert result == Kept({"receipt_no": "2611210000018", "query_code": "204816"})
    kept = next(one for one in world.sink.moments if one.moment is CallMoment.CALLBACK_REQUESTED)
    assert (kept.rating, kept.callback_number) == (4, "+8613800138000")


async def test_nothing_is_kept_before_everything_said_is_stored() -> None:
    world = hears("井盖丢了")
    steps = [asks(TELL, "matter"), asks(KeepStep())]
    await performed(steps[0], Listen(), Say(tone(1500)), world=world, more=steps[1:])
    order = world.sink.keys
    assert order.index(next(key for key in order if "segment" in key)) < order.index(
        next(key for key in order if "note" in key)
    )


async def test_a_case_is_looked_up(case: CaseStatus) -> None:
    world = World()
    world.cases.known = case
    look = asks(Look(receipt_no="2611210000018", query_code="204816"))
    assert (await performed(look, world=world))[0] == Looked(state="queued")
    assert (await performed(look, world=World()))[0] == Looked(state=None)


async def test_a_store_that_is_away_finds_no_case() -> None:
    world = World()
    world.cases.away = True
    look = asks(Look(receipt_no="2611210000018", query_code="204816"))
    assert (await performed(look, world=world))[0] == Looked(state=None)


@pytest.fixture
def case() -> CaseStatus:
    now = World().clock.now()
    return CaseStatus(
        receipt_no="2611210000018", state="queued", received_at=now, updated_at=now, title="井盖"
    )
