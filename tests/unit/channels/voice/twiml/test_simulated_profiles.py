"""A call simulated in every dialect: proved as its provider does, spelled and coded as it does."""

import asyncio
from pathlib import Path

import pytest

from channels.voice.config import VoiceSettings
from channels.voice.simulator import TwilioSimulator, simulator, trial_public_key
from gateway.config import ConfigError
from tests.unit.channels.voice.fakes import FakeRecogniser, World, tone
from tests.unit.channels.voice.twiml.test_profiles import ACCOUNTS
from tests.unit.channels.voice.twiml.test_talk import at_noon, files, said, two
from tests.unit.channels.voice.twiml.test_whole_call import CITIZEN, PUBLIC_URL, SPEED, gateway

pytestmark = pytest.mark.slow  # calls take their time

PROFILES = ("signalwire", "telnyx", "kazoo")
GIVEN = {"kind": "voice", "account": "demo", "auth_token": "an-invented-auth-token"}


def on_trial(profile: str, **more: object) -> VoiceSettings:
    given = {**GIVEN, "profile": profile, **ACCOUNTS[profile], **more}
    settings = VoiceSettings.model_validate(given)
    if profile == "telnyx":
        key = trial_public_key(settings)
        settings = VoiceSettings.model_validate({**given, "public_key": key})
    return settings


def played(settings: VoiceSettings, world: World) -> TwilioSimulator:
    provider = simulator(settings, PUBLIC_URL)
    provider.clock = world.clock
    return provider


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_call_is_heard_and_hears_its_number_in_every_dialect(profile: str) -> None:
    world, settings = World(), on_trial(profile)
    async with gateway(world, settings) as server:
        call = await played(settings, world).place_call(
            tone(1500), sender=CITIZEN, server=server, speed=SPEED
        )
    assert call.numbers == ("2611210000018", "2611210000018", "204816")
    assert call.ended_by == "gateway"
    assert world.sink.said == ["井盖丢了"]


@pytest.mark.parametrize("profile", ["signalwire", "telnyx"])
async def test_people_who_talk_are_heard_in_other_dialects_too(
    profile: str, tmp_path: Path
) -> None:
    world = await at_noon(two())
    settings = on_trial(profile, targets={"operators": ["+8653112345001"]})
    citizen, person = files(tmp_path)
    async with gateway(world, settings) as server:
        await played(settings, world).follow_script(
            ["0", f"finished {citizen} {person}", "1"], sender=CITIZEN, server=server, speed=SPEED
        )
        async with asyncio.timeout(5):
            while not any(one.words_pending is False for one in world.sink.moments):
                await asyncio.sleep(0.02)
    assert [(who, text) for who, text, _ in said(world)] == [
        ("citizen", "我家停水了"),
        ("operator", "请您留下地址"),
    ]


async def test_a_dialect_without_a_second_stream_is_spared_it(tmp_path: Path) -> None:
    world = await at_noon(World(recogniser=FakeRecogniser(script=[])))
    settings = on_trial("somleng", targets={"operators": ["+8653112345001"]})
    async with gateway(world, settings) as server:
        await played(settings, world).follow_script(
            ["0", "finished", "1"], sender=CITIZEN, server=server, speed=SPEED
        )
    assert all(one.words_pending is None for one in world.sink.moments)
    assert world.sink.end.cause == "completed"


async def test_only_telnyx_can_sign_for_an_account_with_its_key() -> None:
    given = {**GIVEN, "profile": "telnyx", **ACCOUNTS["telnyx"]}
    settings = VoiceSettings.model_validate(given)
    with pytest.raises(ConfigError, match="only Telnyx has its key") as refused:
        await simulator(settings, PUBLIC_URL).place_call(
            b"", sender=CITIZEN, server="http://127.0.0.1:1"
        )
    assert trial_public_key(settings) in refused.value.cure
