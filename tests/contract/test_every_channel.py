"""Every channel folder against every rule: a channel that is not in here does not exist."""

import pytest

from gateway.channel.discovery import discover
from tests.contract.kit.care_rules import quality
from tests.contract.kit.channel_under_test import ChannelUnderTest, folder_of
from tests.contract.kit.core import with_core
from tests.contract.kit.once_rules import stores_simultaneous_redeliveries_once
from tests.contract.kit.rule import Rule
from tests.contract.kit.rules import NAMES, RULES

KINDS = sorted(discover())


def _claims() -> list[tuple[str, Rule]]:
    """Each rule that a channel says it keeps."""
    return [
        (kind, rule)
        for kind, channel in sorted(discover().items())
        for rule in RULES
        if quality(folder_of(channel)).get(rule.name) == "done"
    ]


@pytest.mark.parametrize(
    ("kind", "rule"), _claims(), ids=[f"{kind}-{rule.name}" for kind, rule in _claims()]
)
async def test_a_channel_keeps_the_rule_it_claims(kind: str, rule: Rule) -> None:
    await rule.apply(ChannelUnderTest.of(discover()[kind]))


_OF_THE_FIRST_ACCOUNT = {"parses_fixtures_as_expected"}
_VARIANTS = [
    (kind, name, rule)
    for kind, rule in _claims()
    if rule.name not in _OF_THE_FIRST_ACCOUNT
    for name in ChannelUnderTest.variants_of(discover()[kind])
]


@pytest.mark.parametrize(
    ("kind", "name", "rule"),
    _VARIANTS,
    ids=[f"{kind}-{n}-{rule.name}" for kind, n, rule in _VARIANTS],
)
async def test_other_accounts_of_a_channel_keep_its_rules_too(
    kind: str, name: str, rule: Rule
) -> None:
    await rule.apply(ChannelUnderTest.variants_of(discover()[kind])[name])


@pytest.mark.postgres
@pytest.mark.parametrize("kind", KINDS)
async def test_redeliveries_at_once_are_stored_once_on_postgresql(
    kind: str, postgres_url: str
) -> None:
    channel = with_core(ChannelUnderTest.of(discover()[kind]), store_url=postgres_url)
    await stores_simultaneous_redeliveries_once(channel)


@pytest.mark.parametrize("kind", KINDS)
def test_a_channel_says_of_every_rule_whether_it_keeps_it(kind: str) -> None:
    assert set(quality(folder_of(discover()[kind]))) == set(NAMES)
