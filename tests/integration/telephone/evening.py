"""An evening's calls: every scene below is one or more calls, and all scenes happen at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from channels.voice.leg import Connecting
from tests.integration.telephone.world import Told, World, loudness, spoken, tone
from tests.peers.asterisk import AsteriskServer
from tests.peers.sipp import Callers, Steps, call
from tests.peers.softphone import Plan, Softphone, softphone, write_wav

ANNOUNCEMENT_HZ, CALLER_HZ, AGENT_HZ, PROMPT_HZ = 700, 1000, 1500, 440


@dataclass(slots=True)
class Seen:
    """What a scene left behind."""

    told: list[Told] = field(default_factory=list)
    heard: dict[str, bytes] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


class Scenes:
    """Gives a scene, or raises what went wrong in it."""

    def __init__(self, seen: Mapping[str, Seen | BaseException]) -> None:
        self._seen = seen

    def __getitem__(self, name: str) -> Seen:
        seen = self._seen[name]
        if isinstance(seen, BaseException):
            raise seen
        return seen


Scene = Callable[[World, Path], Awaitable[Seen]]


async def play_and_wait(told: Told, pcm: bytes) -> None:
    """Let the caller hear all of it."""
    playback = await told.leg.play(pcm)
    await told.until(lambda: playback.done, timeout_s=len(pcm) / 16_000 + 10)


async def wait_for_the_end(told: Told) -> None:
    """Say nothing; the caller hangs up."""
    await told.until(lambda: bool(told.ended), timeout_s=60)


async def a_statement(world: World, folder: Path) -> Seen:
    """A caller speaks while a prompt plays, then leaves without a word."""
    said = spoken(4.0)
    (folder / "said.alaw").write_bytes(said)

    async def talk(told: Told) -> None:
        await told.leg.play(tone(3))
        await wait_for_the_end(told)

    world.scripts["2001"] = talk
    steps: Steps = [("pause", 500), ("play", folder / "said.alaw"), ("pause", 4600)]
    failed = await call(Callers(number="2001", steps=steps), world.server.sip, folder)
    told = await world.call("2001")
    await told.until(lambda: bool(told.ended))
    return Seen(told=[told], numbers={"failed": failed}, notes={"said": said})


async def keys_and_a_clear(world: World, folder: Path) -> Seen:
    """A long prompt stops at a key; every key is told once, though Asterisk tells it twice."""
    record = str(folder / "heard.wav")

    async def talk(told: Told) -> None:
        await told.leg.play(tone(12, PROMPT_HZ))
        await told.until(lambda: bool(told.keys))
        await told.leg.clear()
        await told.until(lambda: told.keys.endswith("#"))
        await play_and_wait(told, tone(0.5, PROMPT_HZ))

    world.scripts["2002"] = talk
    steps = [(2.0, "keys", "1"), (3.0, "keys", "10*9#")]
    async with softphone(Plan(call=world.number("2002"), record=record, steps=steps)) as phone:
        await phone.done()
        pressed_at = phone.told("did")[0]["at"]
        heard = phone.heard()
    return Seen(
        told=[await world.call("2002")], heard={"caller": heard}, numbers={"pressed": pressed_at}
    )


async def a_voice_stops_the_prompt(world: World, folder: Path) -> Seen:
    """A caller speaks into a long prompt, which stops; what he says does not hold the prompt."""
    record, wav = str(folder / "heard.wav"), write_wav(folder / "says.wav", tone(2, CALLER_HZ))

    async def talk(told: Told) -> None:
        await told.leg.play(tone(12, PROMPT_HZ))
        await told.until(
            lambda: any(level > 1000 for level in loudness(bytes(told.caller[-3200:])))
        )
        await told.leg.clear()
        await told.until(lambda: len(told.caller) >= 16_000 * 5)

    world.scripts["2003"] = talk
    plan = Plan(call=world.number("2003"), record=record, steps=[(1.5, "play", str(wav))])
    async with softphone(plan) as phone:
        await phone.done()
        spoke_at = phone.told("did")[0]["at"]
        heard = phone.heard()
    told = await world.call("2003")
    return Seen(told=[told], heard={"caller": heard}, numbers={"spoke": spoke_at})


async def a_very_long_prompt(world: World, folder: Path) -> Seen:
    """Longer than Asterisk's queue of 1000 frames."""
    record = str(folder / "heard.wav")

    async def talk(told: Told) -> None:
        await play_and_wait(told, tone(23, PROMPT_HZ))

    world.scripts["2004"] = talk
    async with softphone(Plan(call=world.number("2004"), record=record)) as phone:
        await phone.done()
        heard = phone.heard()
    return Seen(told=[await world.call("2004")], heard={"caller": heard})


async def hangs_up_mid_word(world: World, folder: Path) -> Seen:
    """The caller is gone while still speaking, and while a prompt plays."""
    said = spoken(6.0, seed=2)
    (folder / "said.alaw").write_bytes(said)

    async def talk(told: Told) -> None:
        await told.leg.play(tone(20))
        await wait_for_the_end(told)

    world.scripts["2005"] = talk
    steps: Steps = [("play", folder / "said.alaw"), ("pause", 2500)]
    await call(Callers(number="2005", steps=steps), world.server.sip, folder)
    told = await world.call("2005")
    await told.until(lambda: bool(told.ended))
    return Seen(told=[told], notes={"said": said})


async def a_silent_telephone(world: World, folder: Path) -> Seen:
    """No RTP at all for four seconds, then speech: time passes, and the call lives on."""
    said = spoken(1.5, seed=3)
    (folder / "said.alaw").write_bytes(said)
    world.scripts["2006"] = wait_for_the_end
    steps: Steps = [("pause", 4000), ("play", folder / "said.alaw"), ("pause", 2000)]
    await call(Callers(number="2006", steps=steps), world.server.sip, folder)
    told = await world.call("2006")
    await told.until(lambda: bool(told.ended))
    return Seen(told=[told], notes={"said": said})


async def the_audio_stops_for_a_while(world: World, folder: Path) -> Seen:
    """RTP stops for seven seconds in the middle of a call."""
    said = spoken(1.5, seed=4)
    (folder / "said.alaw").write_bytes(said)
    world.scripts["2007"] = wait_for_the_end
    speak = ("play", folder / "said.alaw")
    steps: Steps = [speak, ("pause", 9000), speak, ("pause", 2000)]
    await call(Callers(number="2007", steps=steps), world.server.sip, folder)
    told = await world.call("2007")
    await told.until(lambda: bool(told.ended))
    return Seen(told=[told])


async def keys_within_speech(world: World, folder: Path) -> Seen:
    """SIPp presses keys as RFC 4733 events between words."""
    said = spoken(1.0, seed=5)
    (folder / "said.alaw").write_bytes(said)
    world.scripts["2008"] = wait_for_the_end
    speak = ("play", folder / "said.alaw")
    pressing = [step for key in "12#" for step in (("key", key), ("pause", 900))]
    steps: Steps = [speak, ("pause", 1500), *pressing, speak, ("pause", 1500)]
    await call(Callers(number="2008", steps=steps), world.server.sip, folder)
    told = await world.call("2008")
    await told.until(lambda: bool(told.ended))
    return Seen(told=[told])


async def _talking(phone: Softphone) -> float:
    return float((await phone.wait_for("up"))["at"])


async def a_conversation(world: World, folder: Path) -> Seen:
    """A person answers, hears who is coming, talks, hangs up; the caller is back with us."""
    says = {
        name: str(write_wav(folder / f"{name}.wav", tone(3, hertz)))
        for name, hertz in (("caller", CALLER_HZ), ("agent", AGENT_HZ))
    }
    records = {name: str(folder / f"{name}-heard.wav") for name in says}
    async with softphone(Plan(record=records["agent"], ring_s=0.5)) as agent:

        async def talk(told: Told) -> None:
            await told.leg.play(tone(20, PROMPT_HZ))
            address = AsteriskServer.dial(agent.port)
            await told.leg.connect([address], timeout_s=8, announcement=tone(1, ANNOUNCEMENT_HZ))
            await told.until(lambda: Connecting.ANSWERED in [c.state for c in told.connections])
            await caller.do("play", says["caller"])
            await agent.do("play", says["agent"])
            await asyncio.sleep(2.5)
            await caller.do("keys", "5")
            await asyncio.sleep(1.5)
            await agent.do("bye")
            await told.until(lambda: Connecting.FINISHED in [c.state for c in told.connections])
            await play_and_wait(told, tone(1, PROMPT_HZ))

        world.scripts["2009"] = talk
        plan = Plan(call=world.number("2009"), record=records["caller"])
        async with softphone(plan) as caller:
            await caller.done()
            heard = {"caller": caller.heard()}
        await agent.done()
        heard["agent"] = agent.heard()
    return Seen(told=[await world.call("2009")], heard=heard)


async def the_caller_leaves_a_conversation(world: World, folder: Path) -> Seen:
    """While both talk the caller hangs up: the person's telephone is free again."""
    async with softphone(Plan()) as agent:

        async def talk(told: Told) -> None:
            await told.leg.connect([AsteriskServer.dial(agent.port)], timeout_s=8)
            await wait_for_the_end(told)

        world.scripts["2010"] = talk
        async with softphone(Plan(call=world.number("2010"))) as caller:
            told = await world.call("2010")
            await told.until(lambda: Connecting.ANSWERED in [c.state for c in told.connections])
            await asyncio.sleep(1)
            await caller.do("bye")
            await caller.done()
        await agent.done(timeout_s=5)
    return Seen(told=[told])


def finals(told: Told) -> int:
    """How many attempts to reach somebody have come to an end."""
    return len([one for one in told.connections if one.state is not Connecting.RINGING])


async def nobody_comes(world: World, folder: Path) -> Seen:
    """One is busy, one does not answer, one number does not exist; the first to answer wins."""
    async with (
        softphone(Plan(answer=486)) as busy,
        softphone(Plan(answer=0)) as absent,
        softphone(Plan(ring_s=0.3)) as quick,
        softphone(Plan(ring_s=4)) as slow,
    ):
        dial = AsteriskServer.dial

        async def talk(told: Told) -> None:
            leg = told.leg
            for addresses in (
                [dial(busy.port)],
                ["PJSIP/nobody-of-this-name"],
                [dial(absent.port)],
                [],
            ):
                count = finals(told)
                await leg.connect(addresses, timeout_s=1.5)
                while finals(told) == count:
                    await asyncio.sleep(0.01)
            await leg.connect([dial(slow.port), dial(quick.port)], timeout_s=8)
            await told.until(lambda: Connecting.ANSWERED in [c.state for c in told.connections])
            await leg.disconnect()
            await told.until(lambda: Connecting.FINISHED in [c.state for c in told.connections])

        world.scripts["2011"] = talk
        async with softphone(Plan(call=world.number("2011"))) as caller:
            await caller.done()
        # The slow one was rung and let go without an answer.
        await slow.done(timeout_s=5)
        dialled = {"quick": dial(quick.port), "busy": dial(busy.port), "absent": dial(absent.port)}
        ups = {"slow": slow.told("up"), "quick": quick.told("up")}
    told = await world.call("2011")
    return Seen(told=[told], notes={"dialled": dialled, "ups": ups})


async def a_deadline(world: World, folder: Path) -> Seen:
    """A call that lasts too long is ended, whatever its conversation does."""

    async def talk(told: Told) -> None:
        told.leg.set_deadline(1.0)
        limit = await asyncio.to_thread(
            world.server.ask,
            "GET",
            f"/ari/channels/{told.leg.channel}/variable?variable=TIMEOUT(absolute)",
        )
        bound.append(limit)
        await wait_for_the_end(told)

    bound: list[Any] = []
    world.scripts["2012"] = talk
    async with softphone(Plan(call=world.number("2012"))) as caller:
        await caller.done()
    return Seen(told=[await world.call("2012")], notes={"bound": bound})


async def a_fault(world: World, folder: Path) -> Seen:
    """A conversation that breaks does not drop the caller: the dialplan records him."""

    async def talk(told: Told) -> None:
        raise RuntimeError("invented")

    world.scripts["2013"] = talk
    said = spoken(2.0, seed=6)
    (folder / "said.alaw").write_bytes(said)
    steps: Steps = [("pause", 1500), ("play", folder / "said.alaw"), ("pause", 2200)]
    await call(Callers(number="2013", steps=steps), world.server.sip, folder)
    told = await world.call("2013")
    recorded = [path.read_bytes() for path in world.server.outage.glob("*_2013.wav")]
    return Seen(told=[told], notes={"recorded": recorded})


SCENES: Mapping[str, Scene] = {
    one.__name__: one
    for one in (
        a_statement,
        keys_and_a_clear,
        a_voice_stops_the_prompt,
        a_very_long_prompt,
        hangs_up_mid_word,
        a_silent_telephone,
        the_audio_stops_for_a_while,
        keys_within_speech,
        a_conversation,
        the_caller_leaves_a_conversation,
        nobody_comes,
        a_deadline,
        a_fault,
    )
}


async def spend(world: World, only: str = "") -> dict[str, Seen | BaseException]:
    """Let all scenes happen; an evening ends with nothing left in Asterisk."""
    scenes = {name: scene for name, scene in SCENES.items() if only in name}
    async with world.open():
        seen = await asyncio.gather(
            *(scene(world, _folder(world, name)) for name, scene in scenes.items()),
            return_exceptions=True,
        )
        results: dict[str, Seen | BaseException] = dict(zip(scenes, seen, strict=True))
        results["left"] = Seen(notes={"nothing": await world.nothing_left()})
    return results


def _folder(world: World, name: str) -> Path:
    folder = world.folder / name
    folder.mkdir(parents=True)
    return folder
