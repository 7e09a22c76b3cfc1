"""Caller and person talk through the carrier, and we listen over a stream of both voices."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice.config import TargetSettings
from channels.voice.simulator import TwilioSimulator
from channels.voice.telephone import telephone
from channels.voice.twiml.answers import parameters
from channels.voice.twiml.calls import Calls
from channels.voice.twiml.talk import TALK_TTL_S, Talk, TalkSocket, TalkTickets
from channels.voice.twiml.ticket import BadTicket, Tickets
from channels.voice.wav import pcm_wav
from gateway.channel.speech import Unavailable
from gateway.domain.g711 import pcm_to_mulaw
from gateway.domain.intake import CallEvent, InboundMessage, Span
from tests.unit.channels.voice.fakes import CALL, FakeRecogniser, World, quiet, tone
from tests.unit.channels.voice.twiml.line import carried
from tests.unit.channels.voice.twiml.test_stream import (
    ACCOUNT_SID,
    SETTINGS,
    STOP,
    UPGRADE,
    FakeSocket,
)
from tests.unit.channels.voice.twiml.test_whole_call import (
    CITIZEN,
    PUBLIC_URL,
    SPEED,
    gateway,
)
from tests.unit.channels.voice.twiml.test_whole_call import SETTINGS as WHOLE

TALK = Talk(
    name="01JD7Z8Q4N5T6V7W8X9Y0Z1A2B",
    call_id=CALL.call_id,
    caller=CALL.caller,
    dialled=CALL.dialled,
    began=1_795_250_000,
    at_ms=7000,
    language="zh",
)


def socket_of(world: World, calls: Calls | None = None) -> TalkSocket:
    ports = world.ports
    return TalkSocket(
        settings=SETTINGS,
        ports=ports,
        telephone=telephone(SETTINGS, ports),
        tickets=TalkTickets(ports.site.key, SETTINGS.account),
        calls=calls or Calls(),
    )


def ticket_for(world: World, talk: Talk = TALK) -> str:
    tickets = TalkTickets(world.ports.site.key, SETTINGS.account)
    return tickets.seal(talk, world.clock.now())


def start(ticket: str, call: str = CALL.call_id, account: str = ACCOUNT_SID) -> str:
    detail = {
        "accountSid": account,
        "callSid": call,
        "streamSid": "MY1",
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": dict(parameters(ticket)),
    }
    return json.dumps({"event": "start", "start": detail})


def spoken(inbound: bytes, outbound: bytes, *, first: int = 1) -> list[str]:
    """Both voices as frames of 20 ms; whoever has nothing more to say is left out."""
    messages = []
    for number in range(0, max(len(inbound), len(outbound)), 320):
        for track, pcm in (("inbound", inbound), ("outbound", outbound)):
            if part := pcm[number : number + 320]:
                place = number // 320
                detail = {
                    "track": track,
                    "chunk": str(place + first),
                    "timestamp": str(place * 20),
                    "payload": b64encode(pcm_to_mulaw(part)).decode(),
                }
                messages.append(json.dumps({"event": "media", "media": detail}))
    return messages


CITIZEN_SAYS = quiet(200) + tone(800) + quiet(2400)
PERSON_SAYS = quiet(1600) + tone(800, 5000) + quiet(1000)


async def listened(world: World, *messages: str, calls: Calls | None = None) -> FakeSocket:
    socket = FakeSocket(messages)
    await socket_of(world, calls).converse(socket, UPGRADE)
    return socket


def two() -> World:
    return World(recogniser=FakeRecogniser(script=["我家停水了"], agent=["请您留下地址"]))


def said(world: World) -> list[tuple[str, str, int]]:
    return [
        (segment.speaker, segment.text, segment.start_ms)
        for event in world.sink.events
        if isinstance(event, InboundMessage) and event.transcript
        for segment in event.transcript.segments
    ]


def last(world: World) -> CallEvent:
    return world.sink.moments[-1]


# --- what is kept


async def test_both_are_heard_apart_in_the_time_of_the_call_and_recorded() -> None:
    world = two()
    await listened(world, start(ticket_for(world)), *spoken(CITIZEN_SAYS, PERSON_SAYS), STOP)
    assert [(who, text) for who, text, _ in said(world)] == [
        ("citizen", "我家停水了"),
        ("operator", "请您留下地址"),
    ]
    times = [at for _, _, at in said(world)]
    assert times == sorted(times)
    assert 7000 < times[0] < 7600 < 8500 < times[1] < 9200
    end = last(world)
    assert end.served
    assert end.words_pending is False
    assert end.recording is not None
    assert end.connected == (Span(start_ms=0, end_ms=end.recording.duration_ms or 0),)
    tape = np.frombuffer(bytes(world.recorder.tapes[CALL.call_id]), "<i2").reshape(-1, 2)
    loud = np.abs(tape) > 1000
    assert loud[:, 0].any()
    assert loud[:, 1].any()
    assert loud[:, 0].nonzero()[0].max() < loud[:, 1].nonzero()[0].min(), "one after the other"


async def test_whoever_watches_reads_along_and_sees_who_speaks() -> None:
    world = two()
    assert isinstance(world.recogniser, FakeRecogniser)
    world.recogniser.partials = True
    await listened(world, start(ticket_for(world)), *spoken(CITIZEN_SAYS, PERSON_SAYS), STOP)
    finals = world.live.of("transcript.final")
    assert [one["speaker"] for one in finals] == ["citizen", "operator"]
    assert all(int(str(one["start_ms"])) > 7000 for one in finals)
    assert {one["speaker"] for one in world.live.of("transcript.partial")} == {
        "citizen",
        "operator",
    }


async def test_no_event_shares_its_name_with_another_of_the_call() -> None:
    world = two()
    calls = Calls()
    await listened(
        world, start(ticket_for(world)), *spoken(CITIZEN_SAYS, PERSON_SAYS), STOP, calls=calls
    )
    world.recogniser = FakeRecogniser(script=["还在"], agent=["在"])
    second = replace_talk(name="01JD7Z8Q4N5T6V7W8X9Y0Z1A2C")
    await listened(
        world, start(ticket_for(world, second)), *spoken(CITIZEN_SAYS, PERSON_SAYS), STOP,
        calls=calls,
    )  # fmt: skip
    assert len(said(world)) == 4
    assert len(world.sink.keys) == len(set(world.sink.keys))
    assert all(
        key.startswith(f"{CALL.call_id}:01JD7Z8Q4N5T6V7W8X9Y0Z1A2") for key in world.sink.keys
    )


async def test_a_telephone_that_rings_in_vain_leaves_no_recording() -> None:
    world = World(recogniser=FakeRecogniser(script=[], agent=[]))
    await listened(world, start(ticket_for(world)), *spoken(quiet(3000), quiet(3000)), STOP)
    assert world.recorder.tapes == {}
    assert last(world).recording is None
    assert not last(world).served
    assert last(world).words_pending is False


async def test_a_side_that_is_not_sent_while_it_is_silent_keeps_its_place() -> None:
    world = two()
    messages = spoken(CITIZEN_SAYS, PERSON_SAYS)
    thinned = [
        one
        for one in messages
        if '"outbound"' not in one or not 200 < int(json.loads(one)["media"]["timestamp"]) < 1600
    ]
    await listened(world, start(ticket_for(world)), *thinned, STOP)
    (operator,) = [at for who, _, at in said(world) if who == "operator"]
    assert 8500 < operator < 9200


async def test_without_a_recogniser_the_talk_is_recorded_for_later() -> None:
    world = World(recogniser=Unavailable(reason="no model", cure="install one"))
    await listened(world, start(ticket_for(world)), *spoken(CITIZEN_SAYS, PERSON_SAYS), STOP)
    assert last(world).recording is not None
    assert last(world).transcript_missing == "no model"
    assert last(world).served


async def test_a_recogniser_that_breaks_costs_neither_recording_nor_talk() -> None:
    world = World(recogniser=FakeRecogniser(failing_after_ms=2200, agent=["x"]))
    await listened(world, start(ticket_for(world)), *spoken(CITIZEN_SAYS, PERSON_SAYS), STOP)
    assert last(world).recording is not None
    assert "failed" in (last(world).transcript_missing or "")


async def test_a_socket_that_breaks_off_leaves_what_was_said_until_then() -> None:
    world = two()
    await listened(world, start(ticket_for(world)), *spoken(CITIZEN_SAYS, PERSON_SAYS)[:150])
    assert said(world)[0][1] == "我家停水了"
    assert last(world).words_pending is False


async def test_a_stop_of_the_gateway_ends_the_listening_and_keeps_it() -> None:
    world = two()
    door = socket_of(world)
    messages = [start(ticket_for(world)), *spoken(CITIZEN_SAYS, PERSON_SAYS)]
    socket = FakeSocket(messages, then_silent=True)
    talking = asyncio.create_task(door.converse(socket, UPGRADE))
    while len(said(world)) < 1:
        await asyncio.sleep(0.01)
    door.telephone.admission.close()
    door.telephone.admission.wind_up()
    await talking
    assert last(world).words_pending is False
    assert socket.closed


async def test_nobody_is_spoken_to() -> None:
    world = two()
    socket = await listened(
        world, start(ticket_for(world)), *spoken(CITIZEN_SAYS, PERSON_SAYS), STOP
    )
    assert socket.sent == []


# --- who is let in


async def test_a_ticket_opens_once() -> None:
    world, calls = two(), Calls()
    opening = start(ticket_for(world))
    await listened(world, opening, STOP, calls=calls)
    kept = list(world.sink.events)
    again = await listened(world, opening, STOP, calls=calls)
    assert again.closed[0] == 1008
    assert world.sink.events == kept


async def test_a_ticket_opens_once_for_all_processes() -> None:
    world = two()
    opening = start(ticket_for(world))
    await listened(world, opening, *spoken(CITIZEN_SAYS, PERSON_SAYS), STOP)
    kept = len(world.sink.events)
    await listened(world, opening, *spoken(CITIZEN_SAYS, PERSON_SAYS), STOP)
    assert len(world.sink.events) == kept
    assert "heard before" in str(world.log.lines)


async def test_strangers_are_not_listened_to() -> None:
    world = two()
    sealed = ticket_for(world)
    for opening in (
        start(""),
        start("x" * 100),
        start(sealed, call="CA" + "9" * 32),
        start(sealed, account="AC" + "9" * 32),
        start(Tickets(world.ports.site.key, SETTINGS.account).seal(CALL, world.clock.now())),
        "{}",
        STOP,
    ):
        socket = await listened(world, opening, STOP)
        assert socket.closed[0] == 1008, opening
    assert world.sink.events == []


async def test_a_ticket_from_long_ago_opens_nothing() -> None:
    world = two()
    opening = start(ticket_for(world))
    world.clock.advance(TALK_TTL_S + 1)
    socket = await listened(world, opening, STOP)
    assert socket.closed[0] == 1008


async def test_a_stop_lets_no_further_talk_in() -> None:
    world = two()
    door = socket_of(world)
    await door.drain()
    socket = FakeSocket([start(ticket_for(world)), STOP])
    await door.converse(socket, UPGRADE)
    assert socket.closed[0] == 1013


@given(st.text(max_size=200))
def test_no_text_is_a_ticket(text: str) -> None:
    world = World()
    tickets = TalkTickets(b"k" * 32, "demo")
    with pytest.raises(BadTicket):
        tickets.open(text, world.clock.now())


def test_a_ticket_fits_into_two_parameters() -> None:
    longest = replace_talk(caller="sip:" + "x" * 180, dialled="9" * 100)
    assert len(parameters(ticket_for(World(), longest))) <= 2
    assert len(parameters(ticket_for(World()))) == 1


# --- what the carrier is told


def streams(document: str) -> list[Mapping[str, str]]:
    """The streams a document begins and ends, in its order of verbs."""
    return [
        {"verb": verb.tag, **verb[0].attrib}
        for verb in fromstring(document)  # noqa: S314 - our own document
        if verb.tag in ("Start", "Stop")
    ]


NOON = timedelta(hours=4)


async def at_noon(world: World) -> World:
    """Set the clock to noon in Shanghai on a working day: somebody is there."""
    noon = world.clock.now().replace(hour=4, minute=0) + timedelta(days=1)
    world.clock.advance((noon - world.clock.now()).total_seconds())
    return world


async def test_the_listening_begins_right_before_the_ringing_and_ends_after_it(
    tmp_path: Path,
) -> None:
    async with carried(tmp_path) as line:
        await line.call("0", "finished", "1")
        assert line.asking is not None
        (ringing,) = [one for one in line.asking.documents if "<Dial" in one]
        (place,) = [n for n, one in enumerate(line.asking.documents) if one is ringing]
        (began,) = streams(ringing)
        assert began["track"] == "both_tracks"
        assert began["url"] == "wss://hotline.example/channels/voice/demo/talk"
        verbs = [verb.tag for verb in fromstring(ringing)]  # noqa: S314 - as above
        assert verbs[-2:] == ["Start", "Dial"]
        (ended,) = streams(line.asking.documents[place + 1])
        assert (ended["verb"], ended["name"]) == ("Stop", began["name"])
        assert fromstring(line.asking.documents[place + 1])[0].tag == "Stop"  # noqa: S314


async def test_a_carrier_without_such_a_stream_is_not_asked_for_it(tmp_path: Path) -> None:
    async with carried(tmp_path, profile="somleng") as line:
        await line.call("0", "finished", "1")
        assert "<Dial" in line.documents
        assert "<Start" not in line.documents
        assert "<Stop" not in line.documents
        assert "/talk" not in {route.path for route in line.account.routes}


# --- whole calls over real sockets


def files(tmp_path: Path) -> tuple[str, str]:
    citizen, person = tmp_path / "citizen.wav", tmp_path / "person.wav"
    citizen.write_bytes(pcm_wav(tone(900)))
    person.write_bytes(pcm_wav(tone(900, 5000)))
    return str(citizen), str(person)


@pytest.mark.parametrize("media", ["stream", "none"])
async def test_a_talk_of_a_simulated_call_is_in_the_draft(tmp_path: Path, media: str) -> None:
    world = await at_noon(two())
    settings = WHOLE.model_copy(
        update={
            "media": media,
            "targets": {"operators": TargetSettings(ring=("+8653112345001",))},
        }
    )
    citizen, person = files(tmp_path)
    async with gateway(world, settings) as server:
        await TwilioSimulator(settings, PUBLIC_URL).follow_script(
            ["0", f"finished {citizen} {person}", "1"], sender=CITIZEN, server=server, speed=SPEED
        )
        async with asyncio.timeout(5):
            while not any(one.words_pending is False for one in world.sink.moments):
                await asyncio.sleep(0.02)
    assert [(who, text) for who, text, _ in said(world)] == [
        ("citizen", "我家停水了"),
        ("operator", "请您留下地址"),
    ]
    assert len(world.sink.keys) == len(set(world.sink.keys))
    talked = [one for one in world.sink.moments if one.connected]
    assert len(talked) == 1
    assert talked[0].recording is not None
    if media == "stream":
        assert (world.sink.moments[0].recording, world.sink.end.rating) == (None, None)
        durations = [one.duration_ms or 0 for one in world.sink.moments]
        assert max(durations) > 5000, "the talk counts as part of the call"


def replace_talk(**changes: str) -> Talk:
    return Talk(**{**{name: getattr(TALK, name) for name in TALK.__struct_fields__}, **changes})
