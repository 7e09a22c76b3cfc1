"""The kit catches each broken channel by the rule it is meant for, and lets the sound one pass."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import channels
from channels.sms import CHANNEL as SMS
from gateway.channel import Sender
from gateway.channel.discovery import discover
from gateway.cli.new_channel import write
from tests.contract import broken
from tests.contract.kit.channel_under_test import ChannelUnderTest
from tests.contract.kit.rule import Rule
from tests.contract.kit.rules import RULES

Break = Callable[[ChannelUnderTest], ChannelUnderTest]

CAUGHT = (AssertionError, pytest.fail.Exception, ValueError, RecursionError)
"""A rule's own word, or the crash of a channel that the rule lets through to the test."""


def rule(name: str) -> Rule:
    (found,) = (candidate for candidate in RULES if candidate.name == name)
    return found


def handler(wrap: broken.Handle) -> Break:
    return lambda channel: broken.with_handler(channel, wrap)


def sender(wrap: Callable[[Sender], Sender]) -> Break:
    return lambda channel: broken.with_sender(channel, wrap)


SMS_BROKEN: dict[str, tuple[Break, str]] = {
    "verify skipped": (handler(broken.VerifySkipped), "refuses_forged_signatures"),
    "only the set-up request verified": (
        handler(broken.VerifiesOnlyTheSetUpRequest),
        "refuses_forged_signatures",
    ),
    "any signature will do": (
        handler(broken.TakesOnlyThePresenceOfASignature),
        "refuses_forged_signatures",
    ),
    "crash on an odd signature": (
        handler(broken.CrashesOnAnOddSignature),
        "refuses_forged_signatures",
    ),
    "open without a secret": (broken.open_without_a_secret, "refuses_to_start_without_secret"),
    "forwarded headers believed": (
        handler(broken.BelievesForwardedHeaders),
        "believes_only_the_configured_url",
    ),
    "acknowledged although not stored": (
        handler(broken.AcknowledgesWhatWasNotStored),
        "acknowledges_in_exact_bytes",
    ),
    "wrong acknowledgement bytes": (
        handler(broken.AcknowledgesInItsOwnWords),
        "acknowledges_in_exact_bytes",
    ),
    "no unique key": (handler(broken.HasNoUniqueKey), "knows_a_redelivery"),
    "key from the time of receipt": (handler(broken.KeysByTheTimeOfReceipt), "parses_purely"),
    "key from the text": (handler(broken.KeysByTheText), "knows_a_redelivery"),
    "citizens mixed up": (handler(broken.TakesEverybodyForOneCitizen), "knows_a_redelivery"),
    "seconds read as milliseconds": (
        handler(broken.ReadsSecondsAsMilliseconds),
        "gives_plausible_times",
    ),
    "crash on a bad number": (handler(broken.CrashesOnABadNumber), "survives_mutated_bytes"),
    "text tidied": (handler(broken.TidiesTheText), "keeps_unusual_text"),
    "own messages stored": (handler(broken.StoresItsOwnMessages), "ignores_its_own_messages"),
    "unknown events stored": (handler(broken.StoresItsOwnMessages), "ignores_unknown_events"),
    "text in an error": (handler(broken.TellsTheSenderInItsErrors), "leaks_nothing"),
    "a file read while parsing": (handler(broken.ReadsAFile), "parses_purely"),
    "sends again by itself": (sender(broken.TriesAgainItself), "names_send_failures"),
    "every failure the same": (
        sender(broken.CallsEveryFailureUnreachable),
        "names_send_failures",
    ),
    "long replies cut off": (sender(broken.CutsLongReplies), "cuts_replies_that_join_back"),
    "writes after STOP": (
        sender(broken.WritesAgainstTheCitizensWish),
        "cuts_replies_that_join_back",
    ),
    "always well": (
        lambda channel: broken.with_lifecycle(channel, broken.ShrugsAtTheProbe),
        "probe_speaks_in_words",
    ),
}
SKELETON_BROKEN: dict[str, tuple[Break, str]] = {
    "crash on a bad time": (handler(broken.CrashesOnABadTime), "survives_mutated_bytes"),
    "any depth read": (handler(broken.ReadsAnyDepth), "bounds_what_it_parses"),
    "replays accepted": (handler(broken.VerifySkipped), "refuses_stale_requests"),
}


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChannelUnderTest]:
    """The skeleton of a new channel: signed JSON with times."""
    into = tmp_path_factory.mktemp("channels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channels, "__path__", [str(into)])
        write("teeth", into)
        yield ChannelUnderTest.of(discover()["teeth"])
    for name in [name for name in sys.modules if name.startswith("channels.teeth")]:
        del sys.modules[name]
    delattr(channels, "teeth")


@pytest.mark.parametrize(("breaks", "name"), SMS_BROKEN.values(), ids=list(SMS_BROKEN))
async def test_a_broken_channel_is_caught(breaks: Break, name: str) -> None:
    sound = ChannelUnderTest.of(SMS)
    await rule(name).apply(sound)
    with pytest.raises(CAUGHT):
        await rule(name).apply(breaks(ChannelUnderTest.of(SMS)))


@pytest.mark.parametrize(("breaks", "name"), SKELETON_BROKEN.values(), ids=list(SKELETON_BROKEN))
async def test_a_broken_channel_with_times_is_caught(
    skeleton: ChannelUnderTest, breaks: Break, name: str
) -> None:
    await rule(name).apply(skeleton)
    with pytest.raises(CAUGHT):
        await rule(name).apply(breaks(skeleton))


async def test_a_forgotten_task_is_caught() -> None:
    forgotten: list[asyncio.Task[None]] = []
    channel = broken.with_lifecycle(
        ChannelUnderTest.of(SMS), lambda life: broken.LeavesATaskBehind(life, forgotten)
    )
    with pytest.raises(AssertionError):
        await rule("closes_cleanly").apply(channel)
    for task in forgotten:
        task.cancel()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("README.md", "## Limits", "## Other"),
        ("README.md", "https://provider.example/docs/webhooks", "somewhere"),
        ("quality.toml", '"the account holds nothing open"', '"no"'),
        ("quality.toml", 'leaks_nothing = "done"', 'leaks_nothing = "probably"'),
        ("fixtures/PROVENANCE.md", "`citizen_writes.*`", "`other.*`"),
    ],
)
async def test_a_page_that_says_less_is_caught(
    skeleton: ChannelUnderTest, file: str, old: str, new: str
) -> None:
    page: Path = skeleton.folder / file
    before = page.read_text("utf-8")
    assert old in before
    page.write_text(before.replace(old, new), "utf-8")
    try:
        with pytest.raises(AssertionError):
            await rule("is_documented").apply(skeleton)
    finally:
        page.write_text(before, "utf-8")
    await rule("is_documented").apply(skeleton)


def test_every_rule_has_a_broken_channel_that_it_catches() -> None:
    caught = {name for _, name in (*SMS_BROKEN.values(), *SKELETON_BROKEN.values())}
    shown_above = {"closes_cleanly", "is_documented"}
    plain = {"parses_fixtures_as_expected", "simulator_shows_everything"}
    assert {each.name for each in RULES} == caught | shown_above | plain
