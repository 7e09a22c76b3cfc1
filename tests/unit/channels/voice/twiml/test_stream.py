"""A media stream as a leg, and the door in front of it: tickets, order, limits, silence."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from channels.voice.config import VoiceSettings
from channels.voice.leg import Audio, Call, Capability, Digit, Ended, EndedBy, LegEvent, MarkPlayed
from channels.voice.twiml import build
from channels.voice.twiml.calls import Admission, Calls
from channels.voice.twiml.coding import ALAW, L16, L16_NETWORK, MULAW, Coding
from channels.voice.twiml.dialect import DIALECTS
from channels.voice.twiml.leg import Stream, StreamLeg
from channels.voice.twiml.order import Order, Stretch
from channels.voice.twiml.passage import Passage, Passes
from channels.voice.twiml.profile import Case
from channels.voice.twiml.socket import MediaSocket
from channels.voice.twiml.ticket import STREAM_TTL_S, BadTicket, Tickets
from gateway.channel import RawRequest
from tests.unit.channels.voice.fakes import CALL, World, quiet, tone

ACCOUNT_SID = "AC" + "0" * 32
SETTINGS = VoiceSettings.model_validate(
    {"kind": "voice", "account": "demo", "account_sid": ACCOUNT_SID, "auth_token": "t" * 32}
)
UPGRADE = RawRequest(
    method="GET",
    url="https://hotline.example/channels/voice/demo/media",
    path="/media",
    headers=CIMultiDict(),
    body=b"",
)


class FakeSocket:
    """A socket whose other side has said everything beforehand."""

    def __init__(self, messages: Sequence[str | bytes], *, then_silent: bool = False) -> None:
        self.messages = list(messages)
        self.then_silent = then_silent
        self.sent: list[dict[str, Any]] = []
        self.closed: list[int] = []

    async def receive(self) -> str | bytes | None:
        await asyncio.sleep(0)
        if self.closed:
            return None
        if self.messages:
            return self.messages.pop(0)
        if self.then_silent:
            await asyncio.sleep(3600)
        return None

    async def send(self, message: str) -> None:
        self.sent.append(json.loads(message))

    async def close(self, code: int = 1000) -> None:
        self.closed.append(code)


def media(chunk: int, timestamp: int, octets: bytes = b"\xff" * 160, track: str = "inbound") -> str:
    payload = b64encode(octets).decode()
    detail = {"track": track, "chunk": str(chunk), "timestamp": str(timestamp), "payload": payload}
    return json.dumps({"event": "media", "media": detail})


STOP = json.dumps({"event": "stop", "stop": {}})


def leg_over(
    socket: FakeSocket,
    world: World | None = None,
    idle_s: float = 10.0,
    *,
    coding: Coding = MULAW,
    window: int = 0,
    calls: Calls | None = None,
    goes_on: bool = True,
) -> StreamLeg:
    world = world or World()
    stream = Stream(
        name="MZ1", dialect=DIALECTS[Case.CAMEL], coding=coding, window=window, goes_on=goes_on
    )
    return StreamLeg(
        socket,
        CALL,
        stream,
        calls=calls or Calls(),
        clock=world.clock,
        log=world.log,
        idle_s=idle_s,
    )


async def events_of(
    *messages: str | bytes, world: World | None = None, window: int = 0, coding: Coding = MULAW
) -> list[LegEvent]:
    leg = leg_over(FakeSocket(messages), world, window=window, coding=coding)
    return [event async for event in leg.events()]


# --- the leg


async def test_audio_comes_out_decoded_and_in_order() -> None:
    events = await events_of(media(1, 0, b"\x00" * 160), media(2, 20), STOP)
    assert [type(event) for event in events] == [Audio, Audio, Ended]
    assert isinstance(events[0], Audio)
    assert len(events[0].pcm) == 320
    assert events[0].pcm[:2] == (-32124).to_bytes(2, "little", signed=True)


async def test_late_and_repeated_frames_are_dropped() -> None:
    world = World()
    events = await events_of(
        media(1, 0), media(3, 40), media(2, 20), media(3, 40), STOP, world=world
    )
    audio = b"".join(event.pcm for event in events if isinstance(event, Audio))
    assert len(audio) == 3 * 320, "one frame of silence stands for the one that came too late"
    assert "'late': 2" in world.log.lines[-1]


async def test_a_gap_is_filled_with_silence_so_that_times_stay_true() -> None:
    events = await events_of(media(1, 0), media(2, 520), STOP)
    assert isinstance(events[1], Audio)
    assert len(events[1].pcm) == (500 + 20) * 16


async def test_an_absurd_time_makes_no_silence() -> None:
    events = await events_of(media(1, 0), media(2, 10**14), media(3, 40), STOP)
    assert all(len(event.pcm) == 320 for event in events if isinstance(event, Audio))


@given(
    order=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 10**6)), min_size=1, max_size=30)
)
def test_no_order_of_frames_makes_more_than_its_audio_and_bounded_gaps(
    order: list[tuple[int, int]],
) -> None:
    events = asyncio.run(events_of(*(media(*frame) for frame in order), STOP))
    audio = sum(len(event.pcm) for event in events if isinstance(event, Audio))
    assert 320 <= audio <= len(order) * (320 + 2000 * 16)
    assert events[-1] == Ended(by=EndedBy.CALLER)


async def test_our_own_voice_is_not_taken_for_the_callers() -> None:
    assert await events_of(media(1, 0, track="outbound"), STOP) == [Ended(by=EndedBy.CALLER)]


async def test_a_few_bad_frames_are_ignored_and_many_end_the_call() -> None:
    few = await events_of(*["junk"] * 50, media(1, 0), STOP)
    assert [type(event) for event in few] == [Audio, Ended]
    world = World()
    many = await events_of(*["junk"] * 51, media(1, 0), STOP, world=world)
    assert many == [Ended(by=EndedBy.PROTOCOL)]
    assert "media_stream_senseless" in world.log.lines[0]


async def test_a_flood_of_keys_is_cut_off() -> None:
    world = World()
    key = json.dumps({"event": "dtmf", "dtmf": {"digit": "1"}})
    events = await events_of(*[key] * 5000, STOP, world=world)
    assert sum(isinstance(event, Digit) for event in events) == 1000
    assert sum("too_many_keys" in line for line in world.log.lines) == 1


async def test_a_socket_that_just_closes_is_a_network_failure() -> None:
    assert await events_of(media(1, 0)) == [
        Audio(pcm=quiet(20)),
        Ended(by=EndedBy.NETWORK),
    ]


async def test_silence_on_the_socket_ends_the_call() -> None:
    leg = leg_over(FakeSocket([media(1, 0)], then_silent=True), idle_s=0.05)
    events = [event async for event in leg.events()]
    assert events[-1] == Ended(by=EndedBy.NETWORK)


async def test_the_deadline_ends_the_call() -> None:
    world = World()
    leg = leg_over(FakeSocket([media(1, 0)] * 100), world)
    leg.set_deadline(60)
    events = []
    async for event in leg.events():
        events.append(event)
        world.clock.advance(61)
    assert events == [Audio(pcm=quiet(20)), Ended(by=EndedBy.LIMIT)]


async def test_played_audio_is_followed_by_a_mark_that_says_when_it_was_heard() -> None:
    echo = json.dumps({"event": "mark", "mark": {"name": "p1"}})
    socket = FakeSocket([echo, STOP])
    leg = leg_over(socket)
    playback = await leg.play(tone(2500))
    assert [message["event"] for message in socket.sent] == [*["media"] * 5, "mark"]
    assert not playback.done
    events = [event async for event in leg.events()]
    assert events[0] == MarkPlayed(playback_id="p1")
    assert playback.done


async def test_a_cancelled_prompt_is_taken_back_at_once() -> None:
    socket = FakeSocket([])
    leg = leg_over(socket)
    playback = await leg.play(tone(100))
    await playback.cancel()
    assert playback.done
    assert socket.sent[-1] == {"event": "clear", "streamSid": "MZ1"}


async def test_a_leg_that_hands_back_leaves_the_state_and_closes() -> None:
    calls = Calls()
    calls.admit(CALL.call_id, 1)
    socket = FakeSocket([media(1, 0)] * 3)
    leg = leg_over(socket, calls=calls)
    assert Capability.HAND_BACK in leg.capabilities
    await leg.hand_back("where the flow is")
    events = [event async for event in leg.events()]
    assert events[-1] == Ended(by=EndedBy.HANDED_BACK)
    assert socket.closed
    assert calls.handed_back(CALL.call_id) == ("where the flow is", 1)
    final = leg_over(FakeSocket([]), goes_on=False)
    assert Capability.HAND_BACK not in final.capabilities


# --- other codings and orders


@pytest.mark.parametrize("coding", [MULAW, ALAW, L16, L16_NETWORK], ids=lambda one: one.name)
async def test_every_coding_carries_the_same_sound_both_ways(coding: Coding) -> None:
    pcm = tone(40)
    events = await events_of(media(1, 0, coding.encode(pcm)), STOP, coding=coding)
    assert isinstance(events[0], Audio)
    heard = events[0].pcm
    assert len(heard) == len(pcm)
    assert likeness(heard, pcm) > 0.999
    socket = FakeSocket([])
    await leg_over(socket, coding=coding).play(pcm)
    sent = b64decode(socket.sent[0]["media"]["payload"])
    assert len(sent) == 40 * coding.octets_per_ms
    assert coding.decode(sent) == heard


def likeness(one: bytes, other: bytes) -> float:
    pair = np.corrcoef(np.frombuffer(one, "<i2"), np.frombuffer(other, "<i2"))
    return float(pair[0, 1])


async def test_audio_shorter_than_a_frame_is_filled_up() -> None:
    socket = FakeSocket([])
    await leg_over(socket).play(tone(505))
    sizes = [len(b64decode(one["media"]["payload"])) for one in socket.sent[:-1]]
    assert sizes == [4000, 160]


async def test_a_small_window_puts_late_frames_in_their_place() -> None:
    frames = [media(n, (n - 1) * 20, bytes([n]) * 160) for n in (1, 3, 2, 2, 4, 6, 5, 7)]
    world = World()
    events = await events_of(*frames, STOP, window=5, world=world)
    audio = b"".join(event.pcm for event in events if isinstance(event, Audio))
    assert audio == b"".join(MULAW.decode(bytes([n]) * 160) for n in range(1, 8))
    assert "'late': 1" in world.log.lines[-1]


async def test_a_frame_that_never_comes_is_given_up_and_filled_with_silence() -> None:
    frames = [media(n, (n - 1) * 20) for n in (1, 3, 4, 5, 6, 7, 8, 9)]
    events = await events_of(*frames, STOP, window=5)
    audio = b"".join(event.pcm for event in events if isinstance(event, Audio))
    assert len(audio) == 9 * 320


@given(order=st.permutations(range(1, 25)), window=st.integers(0, 8))
def test_no_frame_comes_out_twice_or_out_of_order(order: list[int], window: int) -> None:
    queue = Order(window)
    out = [one.number for n in order for one in queue.take(Stretch(n, n * 20, b"x"))]
    out += [one.number for one in queue.rest()]
    assert out == sorted(set(out))
    assert len(out) + queue.late == len(order)


# --- the ticket


def test_a_ticket_brings_the_call_back() -> None:
    world = World()
    tickets = Tickets(b"k" * 32, "demo")
    sealed = tickets.seal(CALL, world.clock.now())
    brought = tickets.open(sealed, world.clock.now())
    assert replace(brought, began_at=None) == CALL
    assert brought.began_at == world.clock.now().replace(microsecond=0)
    assert "13800138000" not in sealed


def test_a_ticket_fits_into_a_parameter_and_needs_no_escaping() -> None:
    longest = Call(call_id="CA" + "f" * 32, caller="sip:" + "x" * 60, dialled="+861234567890123")
    sealed = Tickets(b"k" * 32, "demo").seal(longest, World().clock.now())
    assert len(sealed) <= 450
    assert sealed.replace("-", "").replace("_", "").isalnum()


def test_a_ticket_is_good_for_a_minute_on_a_stream_and_for_ever_on_a_recording() -> None:
    world = World()
    tickets = Tickets(b"k" * 32, "demo")
    sealed = tickets.seal(CALL, world.clock.now())
    late = world.clock.now() + timedelta(seconds=STREAM_TTL_S + 2)
    with pytest.raises(BadTicket):
        tickets.open(sealed, late)
    assert tickets.open(sealed).call_id == CALL.call_id


@pytest.mark.parametrize("forged", ["", "x", "€", "gAAAAAB", "A" * 4000])
def test_a_forged_ticket_opens_nothing(forged: str) -> None:
    with pytest.raises(BadTicket):
        Tickets(b"k" * 32, "demo").open(forged)


def test_a_ticket_of_another_account_or_site_opens_nothing() -> None:
    sealed = Tickets(b"k" * 32, "demo").seal(CALL, World().clock.now())
    for other in (Tickets(b"k" * 32, "main"), Tickets(b"j" * 32, "demo")):
        with pytest.raises(BadTicket):
            other.open(sealed)


@given(place=st.integers(0, 1000), letter=st.sampled_from("ABab01-_"))
def test_no_letter_of_a_ticket_may_change(place: int, letter: str) -> None:
    tickets = Tickets(b"k" * 32, "demo")
    sealed = tickets.seal(CALL, World().clock.now())
    place %= len(sealed)
    changed = sealed[:place] + letter + sealed[place + 1 :]
    try:
        assert replace(tickets.open(changed), began_at=None) == CALL, "another call came out"
    except BadTicket:
        assert changed != sealed


# --- the door


def start_message(
    ticket: str,
    *,
    call_sid: str = CALL.call_id,
    account_sid: str = ACCOUNT_SID,
    encoding: str = "audio/x-mulaw",
    rate: int = 8000,
) -> str:
    return json.dumps(
        {
            "event": "start",
            "start": {
                "accountSid": account_sid,
                "callSid": call_sid,
                "streamSid": "MZ1",
                "customParameters": {"ticket": ticket},
                "mediaFormat": {"encoding": encoding, "sampleRate": rate, "channels": 1},
            },
        }
    )


def door(world: World) -> MediaSocket:
    (handler,) = (
        route.handler
        for route in build(SETTINGS, world.ports).routes
        if isinstance(route.handler, MediaSocket)
    )
    return handler


def ticket(world: World, turn: int = 1) -> str:
    now = world.clock.now()
    passage = Passage(
        call_id=CALL.call_id,
        caller=CALL.caller,
        dialled=CALL.dialled,
        began=int(now.timestamp()),
        turn=turn,
    )
    return Passes(world.ports.site.key, "demo").seal(passage, now)


CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'


async def test_a_stream_with_its_ticket_is_taken_and_stored() -> None:
    world = World()
    socket = FakeSocket([CONNECTED, start_message(ticket(world)), media(1, 0), STOP])
    await door(world).converse(socket, UPGRADE)
    assert [event.moment for event in world.sink.moments] == ["started", "abandoned"]
    assert socket.closed


REFUSED: dict[str, Callable[[World], str | bytes]] = {
    "no ticket": lambda world: start_message(""),
    "a forged ticket": lambda world: start_message("gAAAAAB" + "x" * 150),
    "the ticket of another call": lambda world: start_message(
        ticket(world), call_sid="CA" + "2" * 32
    ),
    "another account": lambda world: start_message(ticket(world), account_sid="AC" + "9" * 32),
    "another codec": lambda world: start_message(ticket(world), encoding="audio/x-l16"),
    "another rate": lambda world: start_message(ticket(world), rate=16000),
    "audio before the start": lambda world: media(1, 0),
    "junk": lambda world: "junk",
    "an oversized message": lambda world: start_message(ticket(world)) + " " * 70_000,
    "binary": lambda world: b"\x00" * 20,
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_stream_that_proves_nothing_is_closed_and_leaves_nothing(what: str) -> None:
    world = World()
    socket = FakeSocket([CONNECTED, REFUSED[what](world), media(2, 20), media(3, 40)])
    await door(world).converse(socket, UPGRADE)
    assert socket.closed == [1008]
    assert world.sink.events == []
    assert world.recorder.tapes == {}
    assert socket.sent == []
    (line,) = world.log.lines
    assert "media_stream_refused" in line
    assert "13800138000" not in line


async def test_an_expired_ticket_opens_nothing() -> None:
    world = World()
    sealed = ticket(world)
    world.clock.advance(STREAM_TTL_S + 2)
    socket = FakeSocket([CONNECTED, start_message(sealed)])
    await door(world).converse(socket, UPGRADE)
    assert socket.closed == [1008]
    assert world.sink.events == []


async def test_a_ticket_works_once() -> None:
    world = World()
    media_socket, sealed = door(world), ticket(world)
    await media_socket.converse(FakeSocket([CONNECTED, start_message(sealed), STOP]), UPGRADE)
    stored = list(world.sink.events)
    again = FakeSocket([CONNECTED, start_message(sealed), media(1, 0), STOP])
    await media_socket.converse(again, UPGRADE)
    assert again.closed == [1008]
    assert world.sink.events == stored


async def test_a_bad_stream_does_not_disturb_the_call_beside_it() -> None:
    world = World()
    media_socket = door(world)
    frames = [media(n, n * 20) for n in range(1, 40)]
    good = FakeSocket([CONNECTED, start_message(ticket(world)), *frames, STOP])
    key = json.dumps({"event": "dtmf", "dtmf": {"digit": "1"}})
    bad = [
        FakeSocket([CONNECTED, "junk"]),
        FakeSocket([CONNECTED, start_message("forged"), *frames]),
        FakeSocket([CONNECTED, start_message(ticket(world), call_sid="CA" + "3" * 32)]),
        FakeSocket(["x" * 70_000]),
        FakeSocket([key] * 1000),
    ]
    await asyncio.gather(*(media_socket.converse(one, UPGRADE) for one in (*bad, good)))
    assert [one.closed[0] for one in bad] == [1008] * len(bad)
    assert world.sink.moments[-1].moment in ("ended", "abandoned")
    assert world.sink.moments[-1].duration_ms == 39 * 20


async def test_another_process_does_not_take_a_used_ticket_either() -> None:
    world = World()
    sealed = ticket(world)
    await door(world).converse(FakeSocket([CONNECTED, start_message(sealed), STOP]), UPGRADE)
    stored = list(world.sink.events)
    await door(world).converse(FakeSocket([CONNECTED, start_message(sealed), STOP]), UPGRADE)
    assert world.sink.events == stored


def test_a_stream_is_taken_once_for_each_turn_of_its_call() -> None:
    calls = Calls()
    assert calls.admit("a", 1) is Admission.TAKEN
    assert calls.admit("a", 1) is Admission.REPLAYED
    assert calls.admit("b", 1) is Admission.TAKEN
    calls.hand_back("a", "state")
    assert calls.admit("a", 1) is Admission.REPLAYED, "its first ticket is used up for good"
    assert calls.handed_back("a") == ("state", 1)
    assert not calls.tells_its_end("a"), "the provider tells it, unless a stream comes again"
    assert calls.admit("a", 2) is Admission.TAKEN
    assert calls.tells_its_end("a")
    assert calls.handed_back("a") is None


def test_old_calls_are_forgotten() -> None:
    calls = Calls()
    for number in range(10_001):
        calls.admit(str(number), 1)
    assert calls.admit("0", 1) is Admission.TAKEN
    assert calls.admit("10000", 1) is Admission.REPLAYED
