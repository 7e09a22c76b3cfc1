"""What whoever watches is told while a call goes on."""

from channels.voice.call.telling import Teller
from channels.voice.ivr.steps import Connect, Keys, Statement
from channels.voice.leg import Party
from gateway.channel.speech import Partial
from tests.contract.kit.fakes import FakeClock
from tests.unit.channels.voice.fakes import (
    CALL,
    RECEIPT,
    Exchange,
    FakeLive,
    FakeRecogniser,
    Listen,
    Person,
    Press,
    Say,
    ScriptedLeg,
    ScriptedWalk,
    World,
    asks,
    quiet,
    ring,
    tone,
)


async def test_a_call_is_told_from_its_first_step_to_its_end() -> None:
    world = World(recogniser=FakeRecogniser(script=("井盖丢了",), agent=("在哪里",), partials=True))
    walk = ScriptedWalk(
        asks(Keys(single=frozenset("1")), "menu", node="menu"),
        asks(Statement(), "matter", node="matter"),
        asks(Connect(target="one"), node="person"),
    )
    exchange = Exchange(world, walk, targets={"one": ring("a")})
    person = Person(talks_ms=2500, voice=quiet(300) + tone(900) + quiet(1300))
    await exchange.hold(
        ScriptedLeg(
            Listen(), Press("1"), Listen(), Say(tone(1200)), Press("#"), people={"a": person}
        )
    )
    news = world.live.news
    assert {one.conversation for one in news} == {CALL.call_id}
    assert {one.draft_id for one in news} == {RECEIPT.draft_id}
    assert news[0].type == "call.started"
    assert news[-1].type == "call.ended"
    steps = [step["node"] for step in world.live.of("call.step")]
    assert steps == ["menu", "matter", "person", "bye"]
    finals = {one["text"]: one["speaker"] for one in world.live.of("transcript.final")}
    assert finals == {"井盖丢了": "citizen", "在哪里": "operator"}
    partials = world.live.of("transcript.partial")
    assert partials[0]["text"] == "井盖丢了"
    assert set(partials[0]) == {"speaker", "start_ms", "text", "stable_chars"}
    assert world.live.of("call.connected") == [{"address": "a"}]


async def test_no_telephone_number_of_the_caller_is_told() -> None:
    world = World()
    await Exchange(world, ScriptedWalk(asks(Statement(), "matter"))).hold(ScriptedLeg(Listen()))
    assert "13800138000" not in str([one.data for one in world.live.news])


def test_provisional_words_are_told_now_and_then_and_only_when_they_change() -> None:
    clock, live = FakeClock(), FakeLive()
    teller = Teller(live, clock, "call")
    for text in ("井", "井盖", "井盖丢", "井盖丢了"):
        teller.partial(Party.CALLER, Partial(start_ms=0, text=text), 0)
        clock.advance(0.1)
    assert [one["text"] for one in live.of("transcript.partial")] == ["井", "井盖丢了"]
    clock.advance(1)
    teller.partial(Party.CALLER, Partial(start_ms=0, text="井盖丢了"), 0)
    assert len(live.news) == 2
    teller.partial(Party.AGENT, Partial(start_ms=40, text="您好"), 1000)
    assert live.news[-1].data["start_ms"] == 1040
