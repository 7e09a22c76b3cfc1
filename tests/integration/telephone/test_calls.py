"""Real calls through a real Asterisk: what VOICE measured, row by row, over both wires."""

import asyncio
from typing import get_args

import pytest

from channels.voice.leg import Connecting, Connection, EndedBy, MarkPlayed
from tests.integration.telephone import evening
from tests.integration.telephone.evening import (
    AGENT_HZ,
    ANNOUNCEMENT_HZ,
    CALLER_HZ,
    PROMPT_HZ,
    Scenes,
)
from tests.integration.telephone.world import Wire, World, has_tone
from tests.peers.asterisk import running_asterisk


@pytest.fixture(scope="module", params=get_args(Wire))
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    """The scenes of one evening, over one wire."""
    wire: Wire = request.param
    with running_asterisk() as server:
        world = World(server=server, wire=wire, folder=tmp_path_factory.mktemp(wire))
        return Scenes(asyncio.run(evening.spend(world)))


def test_what_the_caller_says_arrives_to_the_bit_even_under_a_prompt(scene: Scenes) -> None:
    seen = scene["a_statement"]
    (told,) = seen.told
    assert seen.numbers["failed"] == 0
    # Should the machine stumble, silence may come between two frames; none is lost or changed.
    assert -1 not in told.pieces(seen.notes["said"])
    assert [one.by for one in told.ended] == [EndedBy.CALLER]


def test_the_call_says_who_called_whom_and_when(scene: Scenes) -> None:
    call = scene["a_statement"].told[0].leg.call
    assert (call.caller, call.dialled, call.trunk) == ("+8613800138000", "2001", "trunk")
    assert call.began_at is not None


def test_a_prompt_is_not_heard_in_what_the_caller_says(scene: Scenes) -> None:
    seen = scene["a_very_long_prompt"]
    assert sum(has_tone(seen.heard["caller"], PROMPT_HZ)) > 1000
    assert not any(has_tone(bytes(seen.told[0].caller), PROMPT_HZ))


def test_every_key_is_told_once(scene: Scenes) -> None:
    assert scene["keys_and_a_clear"].told[0].keys == "110*9#"
    assert scene["keys_within_speech"].told[0].keys == "12#"


def test_a_key_stops_the_prompt_within_half_a_second(scene: Scenes) -> None:
    seen = scene["keys_and_a_clear"]
    prompt = has_tone(seen.heard["caller"], PROMPT_HZ)
    pressed = round(seen.numbers["pressed"] * 50)
    assert sum(prompt[10:pressed]) >= len(prompt[10:pressed]) - 15
    after = prompt[pressed : pressed + 45]
    assert sum(after) <= 25
    assert seen.told[0].marks[0] == "p1"


def test_a_prompt_after_a_cleared_one_is_heard_whole(scene: Scenes) -> None:
    heard = scene["keys_and_a_clear"].heard["caller"]
    assert 20 <= sum(has_tone(heard, PROMPT_HZ)[-50:]) <= 30


def test_a_voice_stops_the_prompt_within_half_a_second(scene: Scenes) -> None:
    seen = scene["a_voice_stops_the_prompt"]
    spoke = round(seen.numbers["spoke"] * 50)
    after = has_tone(seen.heard["caller"], PROMPT_HZ)[spoke:]
    assert sum(after) <= 25


def test_a_prompt_longer_than_the_queue_is_heard_whole(scene: Scenes) -> None:
    seen = scene["a_very_long_prompt"]
    heard = sum(has_tone(seen.heard["caller"], PROMPT_HZ)) / 50
    assert heard == pytest.approx(23, abs=0.3)
    assert seen.told[0].times(MarkPlayed) == [pytest.approx(23, abs=1)]


def test_what_was_said_before_hanging_up_is_all_there(scene: Scenes) -> None:
    seen = scene["hangs_up_mid_word"]
    (told,) = seen.told
    assert [one.by for one in told.ended] == [EndedBy.CALLER]
    assert -1 not in told.pieces(seen.notes["said"])[:50]


def test_a_telephone_that_sends_nothing_is_kept_and_time_passes(scene: Scenes) -> None:
    seen = scene["a_silent_telephone"]
    (told,) = seen.told
    places = told.pieces(seen.notes["said"])
    assert -1 not in places
    assert places[0] / 16_000 >= 3.2
    assert told.media == []


def test_audio_that_stops_is_told_and_told_when_it_is_back(scene: Scenes) -> None:
    (told,) = scene["the_audio_stops_for_a_while"].told
    assert told.media == ["MediaLost", "MediaResumed"]
    assert len(told.caller) / 16_000 == pytest.approx(told.times(type(told.ended[0]))[0], abs=0.8)


def test_a_person_hears_who_comes_and_the_caller_does_not(scene: Scenes) -> None:
    heard = scene["a_conversation"].heard
    assert sum(has_tone(heard["agent"], ANNOUNCEMENT_HZ)) / 50 == pytest.approx(1, abs=0.15)
    assert not any(has_tone(heard["caller"], ANNOUNCEMENT_HZ))


def test_caller_and_person_hear_each_other(scene: Scenes) -> None:
    heard = scene["a_conversation"].heard
    assert sum(has_tone(heard["agent"], CALLER_HZ)) / 50 == pytest.approx(3, abs=1)
    assert sum(has_tone(heard["caller"], AGENT_HZ)) / 50 == pytest.approx(3, abs=1)
    assert not any(has_tone(heard["agent"], PROMPT_HZ))


def test_caller_and_person_are_heard_apart(scene: Scenes) -> None:
    (told,) = scene["a_conversation"].told
    caller, agent = bytes(told.caller), bytes(told.agent)
    assert sum(has_tone(caller, CALLER_HZ)) / 50 == pytest.approx(3, abs=1)
    assert sum(has_tone(agent, AGENT_HZ)) / 50 == pytest.approx(3, abs=1)
    assert not any(has_tone(caller, AGENT_HZ))
    assert not any(has_tone(agent, CALLER_HZ))


def test_keys_are_told_while_talking_with_a_person(scene: Scenes) -> None:
    assert scene["a_conversation"].told[0].keys == "5"


def test_after_the_person_has_left_the_caller_hears_us_again(scene: Scenes) -> None:
    seen = scene["a_conversation"]
    states = [one.state for one in seen.told[0].connections]
    assert states == [Connecting.RINGING, Connecting.ANSWERED, Connecting.FINISHED]
    heard = has_tone(seen.heard["caller"], PROMPT_HZ)
    assert 40 <= sum(heard[-100:]) <= 70
    assert seen.told[0].ended[0].by is EndedBy.GATEWAY


def test_no_time_is_lost_in_a_conversation(scene: Scenes) -> None:
    (told,) = scene["a_conversation"].told
    ended = told.times(type(told.ended[0]))[0]
    assert len(told.caller) / 16_000 == pytest.approx(ended, abs=0.6)
    answered, finished = told.times(Connection)[1:]
    assert len(told.agent) / 16_000 == pytest.approx(finished - answered, abs=0.6)


def test_a_caller_who_leaves_sets_the_person_free(scene: Scenes) -> None:
    (told,) = scene["the_caller_leaves_a_conversation"].told
    assert [one.by for one in told.ended] == [EndedBy.CALLER]


def test_it_is_told_why_nobody_came_and_the_first_to_answer_wins(scene: Scenes) -> None:
    seen = scene["nobody_comes"]
    dialled = seen.notes["dialled"]
    told = [one for one in seen.told[0].connections if one.state is not Connecting.RINGING]
    assert [(one.state, one.address) for one in told] == [
        (Connecting.BUSY, dialled["busy"]),
        (Connecting.FAILED, "PJSIP/nobody-of-this-name"),
        (Connecting.NO_ANSWER, dialled["absent"]),
        (Connecting.FAILED, ""),
        (Connecting.ANSWERED, dialled["quick"]),
        (Connecting.FINISHED, dialled["quick"]),
    ]
    assert seen.notes["ups"]["slow"] == []


def test_a_call_ends_at_its_deadline_and_asterisk_knows_one_too(scene: Scenes) -> None:
    seen = scene["a_deadline"]
    assert [one.by for one in seen.told[0].ended] == [EndedBy.LIMIT]
    (bound,) = seen.notes["bound"]
    assert 7200 < float(bound["value"]) < 7300


def test_a_conversation_that_breaks_goes_on_in_the_dialplan(scene: Scenes) -> None:
    (recording,) = scene["a_fault"].notes["recorded"]
    assert len(recording) > 16_000


def test_nothing_is_left_in_asterisk(scene: Scenes) -> None:
    assert scene["left"].notes["nothing"]
