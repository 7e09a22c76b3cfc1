"""A demonstration that does not go well ends in time and says what is missing."""

import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from gateway.channel import ChannelKind
from gateway.channel.discovery import discover
from gateway.cli._serving import serving
from gateway.config import Config, load
from gateway.demo.citizens import Act, Contact
from gateway.demo.outcome import Outcome
from gateway.demo.reaching import NotTaken, Reach
from gateway.demo.show import Show
from gateway.demo.stage import Stage, staged
from tests.integration.demo.program import ROOT


@pytest.fixture
def kinds() -> Mapping[str, ChannelKind]:
    return discover()


@pytest.fixture
def config(kinds: Mapping[str, ChannelKind]) -> Config:
    """The demo configuration with the form alone."""
    settings = {name: kind.settings for name, kind in kinds.items()}
    shipped = load(ROOT / "config" / "demo.yaml", channel_settings=settings, env={})
    web = tuple(one for one in shipped.channels if one.kind == "web")
    return shipped.model_copy(update={"channels": web})


@pytest.fixture
async def stage(
    config: Config, kinds: Mapping[str, ChannelKind], tmp_path: Path
) -> AsyncIterator[Stage]:
    async with staged(config, kinds, data=tmp_path, serving=serving) as built:
        yield built


def citizen(act: Act) -> Contact:
    """Somebody who does this."""
    return Contact(
        channel="web", account="site", sender="+8613800000001", what="a message", act=act
    )


def nobody_is_told(outcome: Outcome) -> None:
    raise AssertionError("nothing went well here")


async def test_a_contact_that_becomes_no_draft_is_lost_and_is_not_waited_for_long(
    stage: Stage,
) -> None:
    async def forget(reach: Reach) -> None:
        pass

    began = time.monotonic()
    result = await Show(stage, [citizen(forget)], nobody_is_told).run(limit_s=1.0)
    assert (result.lost, result.duplicates) == (1, 0)
    assert result.missing() == ["web: a message: no draft"]
    assert time.monotonic() - began < 30


async def test_a_contact_that_is_refused_ends_the_show_with_the_reason(stage: Stage) -> None:
    async def be_refused(reach: Reach) -> None:
        raise NotTaken("the gateway answered 403")

    result = await Show(stage, [citizen(be_refused)], nobody_is_told).run()
    assert result.missing()[0] == "web: a message: the gateway answered 403"


async def test_two_drafts_for_one_contact_are_a_duplicate(
    stage: Stage, kinds: Mapping[str, ChannelKind]
) -> None:
    make = kinds["web"].simulator
    assert make is not None
    simulator = make(stage.gateway.config.channels[0], stage.reach.public_url)

    async def twice(reach: Reach) -> None:
        for text in ("路灯不亮了", "井盖破损了"):
            await reach.post(simulator.message(text, sender="+8613800000001"))

    result = await Show(stage, [citizen(twice)], nobody_is_told).run(limit_s=5.0)
    assert result.duplicates == 1
    assert "2 drafts instead of one" in result.missing()[0]
