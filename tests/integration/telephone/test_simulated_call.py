"""``hotline simulate call`` through a PBX: Asterisk calls the hotline, and the citizen is ours."""

import asyncio
from pathlib import Path
from typing import get_args

import pytest

from channels.voice.asterisk.caller import CallNotTaken, PbxSimulator
from channels.voice.prompts import SHIPPED
from channels.voice.wav import read_wav
from gateway.channel.simulation import PlacedCall, PlacesCalls
from tests.integration.telephone.world import Told, Wire, World, has_tone, tone
from tests.peers.asterisk import running_asterisk

SPEECH_HZ = 1000


async def _called(wire: Wire, folder: Path) -> tuple[PlacedCall, PlacedCall, World, bool]:
    with running_asterisk() as server:
        world = World(server=server, wire=wire, folder=folder)

        async def talk(told: Told) -> None:
            said = [read_wav((SHIPPED / "zh" / f"digit_{n}.wav").read_bytes()) for n in "204"]
            await told.leg.play(tone(1))
            await told.until(lambda: told.keys == "1#")
            playback = await told.leg.play(bytes(1600).join(said))
            await told.until(lambda: playback.done)

        world.scripts["12345"] = talk
        simulator = PbxSimulator(world.settings)
        assert isinstance(simulator, PlacesCalls)
        async with world.open():
            stays = await simulator.place_call(
                tone(1.5, SPEECH_HZ), sender="+8613800138000", server="", keys="1#"
            )
            leaves = await simulator.place_call(
                tone(3, SPEECH_HZ), sender="+8613900139000", server="", hang_up_after_ms=800
            )
            left = await world.call("12345", place=1)
            await left.until(lambda: bool(left.ended))
            return stays, leaves, world, await world.nothing_left()


@pytest.mark.parametrize("wire", get_args(Wire))
def test_a_simulated_caller_speaks_presses_keys_and_hears_the_number(
    wire: Wire, tmp_path: Path
) -> None:
    stays, leaves, world, nothing_left = asyncio.run(_called(wire, tmp_path))
    first, second = world.told["12345"]
    assert stays.ended_by == "gateway"
    assert stays.numbers == ("204",)
    assert first.leg.call.caller == "+8613800138000"
    assert first.keys == "1#"
    assert sum(has_tone(bytes(first.caller), SPEECH_HZ)) >= 60
    assert leaves.ended_by == "caller"
    assert second.leg.call.caller == "+8613900139000"
    assert nothing_left


async def test_a_simulated_call_says_that_there_is_no_pbx() -> None:
    with running_asterisk() as server:
        settings = World(server=server, wire="websocket", folder=Path()).settings
    with pytest.raises(CallNotTaken, match="did not take the call"):
        async with asyncio.timeout(30):
            await PbxSimulator(settings).place_call(tone(1), sender="+8613800138000", server="")
