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
from gateway.intake.inbox import Inbox
from gateway.store import correspondence
from tests.contract import broken, broken_core
from tests.contract.broken_core import gullible_routes
from tests.contract.kit.channel_under_test import ChannelUnderTest
from tests.contract.kit.core import with_core
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


def core(**parts: object) -> Break:
    return lambda channel: with_core(channel, **parts)


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
    "the proxy believed": (core(make_routes=gullible_routes), "believes_no_forwarded_address"),
    "not stored, but acknowledged": (
        core(make_inbox=broken_core.AcknowledgesDespiteStoreFailure),
        "acknowledges_only_what_is_stored",
    ),
    "not stored, but the channel says so": (
        handler(broken.AcknowledgesWhatWasNotStored),
        "acknowledges_only_what_is_stored",
    ),
    "not stored, and the provider blamed": (
        core(make_inbox=broken_core.BlamesTheProvider),
        "acknowledges_only_what_is_stored",
    ),
    "acknowledged before the commit": (
        core(prelude=broken_core.ACKNOWLEDGES_FIRST),
        "loses_nothing_when_killed",
    ),
    "stored again after a crash": (
        core(prelude=broken_core.TAKES_EVERYTHING_FOR_NEW),
        "loses_nothing_when_killed",
    ),
    "no unique key in the store": (
        core(make_inbox=broken_core.StoresWithoutAUniqueKey),
        "stores_simultaneous_redeliveries_once",
    ),
    "key from the moment of receipt": (
        handler(broken.KeysByTheMomentOfReceipt),
        "stores_simultaneous_redeliveries_once",
    ),
    "ids forgotten after minutes": (
        core(make_inbox=broken_core.ForgetsAfterFiveMinutes),
        "knows_a_redelivery_after_a_day",
    ),
    "no id, known for minutes only": (
        handler(broken.HasNoUniqueKey),
        "knows_a_redelivery_after_a_day",
    ),
    "all citizens one": (handler(broken.TakesEverybodyForOneCitizen), "keeps_citizens_apart"),
    "the id alone known": (core(make_inbox=broken_core.KnowsIdsAlone), "keeps_citizens_apart"),
    "a reused id dropped": (core(make_inbox=broken_core.KnowsIdsAlone), "flags_a_reused_id"),
    "a reused id unnoticed": (handler(broken.KeysByTheText), "flags_a_reused_id"),
    "words wait for files": (
        core(make_inbox=broken_core.FetchesFilesFirst),
        "never_waits_for_files",
    ),
    "files given up at once": (
        core(make_fetcher=broken_core.GivesFilesUpAtOnce),
        "never_waits_for_files",
    ),
    "lost files waited for": (
        core(make_fetcher=broken_core.SaysNothingOfLostFiles),
        "never_waits_for_files",
    ),
    "files nobody can ask for": (broken.without_media_source, "never_waits_for_files"),
    "own messages in the store": (
        handler(broken.StoresItsOwnMessages),
        "stores_nothing_it_ignores",
    ),
    "the ignored stored": (
        core(make_inbox=broken_core.StoresWhatIsIgnored),
        "stores_nothing_it_ignores",
    ),
    "every receipt a failure": (
        handler(broken.TakesEveryReceiptForFailure),
        "never_takes_receipts_back",
    ),
    "machines answered": (handler(broken.TakesMachinesForCitizens), "answers_each_case_once"),
    "every message a case": (
        core(make_inbox=broken_core.OpensACaseForEveryMessage),
        "answers_each_case_once",
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
    "times forgotten": (handler(broken.ForgetsTheTime), "restores_the_providers_order"),
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


@pytest.fixture(scope="module")
def kept() -> set[str]:
    """The rules that the sound channel has been seen to keep."""
    return set()


@pytest.mark.parametrize(("breaks", "name"), SMS_BROKEN.values(), ids=list(SMS_BROKEN))
async def test_a_broken_channel_is_caught(kept: set[str], breaks: Break, name: str) -> None:
    if name not in kept:
        await rule(name).apply(ChannelUnderTest.of(SMS))
        kept.add(name)
    with pytest.raises(CAUGHT):
        await rule(name).apply(breaks(ChannelUnderTest.of(SMS)))


@pytest.mark.parametrize(("breaks", "name"), SKELETON_BROKEN.values(), ids=list(SKELETON_BROKEN))
async def test_a_broken_channel_with_times_is_caught(
    skeleton: ChannelUnderTest, breaks: Break, name: str
) -> None:
    await rule(name).apply(skeleton)
    with pytest.raises(CAUGHT):
        await rule(name).apply(breaks(skeleton))


@pytest.mark.parametrize(
    "make_inbox", [broken_core.KnowsNobodyWithoutAnId, broken_core.NeverHearsTheSameTwice]
)
async def test_a_window_that_is_too_short_or_too_long_is_caught(make_inbox: type[Inbox]) -> None:
    channel = broken.without_ids(ChannelUnderTest.of(SMS))
    await rule("bounds_redeliveries_without_an_id").apply(channel)
    with pytest.raises(AssertionError):
        await rule("bounds_redeliveries_without_an_id").apply(
            with_core(channel, make_inbox=make_inbox)
        )


async def test_a_core_that_takes_receipts_back_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = {"delivered": 0, "queued": 1, "sent": 2, "failed": 3, "read": 4}
    monkeypatch.setattr(correspondence, "_RANK", ranks)
    with pytest.raises(AssertionError):
        await rule("never_takes_receipts_back").apply(ChannelUnderTest.of(SMS))


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
    shown_above = {"closes_cleanly", "is_documented", "bounds_redeliveries_without_an_id"}
    plain = {"parses_fixtures_as_expected", "simulator_shows_everything"}
    assert {each.name for each in RULES} == caught | shown_above | plain
