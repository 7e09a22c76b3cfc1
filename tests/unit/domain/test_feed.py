"""Subscriptions: a pattern matches what it says and nothing else."""

import pytest

from gateway.domain.feed import EVENT_TYPES, is_pattern, matches


def test_a_family_pattern_matches_its_family_only() -> None:
    assert {name for name in EVENT_TYPES if matches(name, ("call.*",))} == {
        "call.started",
        "call.ended",
        "call.abandoned",
        "call.callback_requested",
    }


def test_the_star_matches_everything() -> None:
    assert all(matches(name, ("*",)) for name in EVENT_TYPES)


@pytest.mark.parametrize("pattern", ["draft", "draft.", "drafts.*", "", "draft.read*"])
def test_a_pattern_that_can_match_nothing_is_no_pattern(pattern: str) -> None:
    assert not is_pattern(pattern)
