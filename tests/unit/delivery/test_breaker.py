"""The breaker of an endpoint: opens, probes once, returns slowly, and can never stay stuck."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.breaker import (
    Breaker,
    BreakerPolicy,
    BreakerState,
    admit,
    failed,
    settled,
    succeeded,
    throttled,
    undecided,
)
from gateway.delivery.verdict import Dead, Delivered, Pause, Retry, Unknown, Verdict

NOW = datetime(2026, 11, 3, 8, 30, tzinfo=UTC)
POLICY = BreakerPolicy()


def broken(times: int = POLICY.threshold, start: Breaker | None = None) -> Breaker:
    breaker = start or Breaker()
    for _ in range(times):
        breaker = failed(breaker, now=NOW, reason="HTTP 500", policy=POLICY)
    return breaker


def probing(at: datetime = NOW + timedelta(days=1)) -> Breaker:
    breaker, admitted = admit(broken(), now=at, under_way=0, policy=POLICY)
    assert admitted
    return breaker


def may_call(breaker: Breaker, *, now: datetime = NOW, under_way: int = 0) -> bool:
    return admit(breaker, now=now, under_way=under_way, policy=POLICY)[1]


def test_a_new_endpoint_is_called_one_at_a_time_at_first() -> None:
    assert may_call(Breaker())
    assert not may_call(Breaker(), under_way=1)


def test_successes_widen_the_window_by_about_one_per_round_up_to_the_limit() -> None:
    breaker, widths = Breaker(), [1]
    for _ in range(400):
        breaker = succeeded(breaker, policy=POLICY)
        widths.append(int(breaker.window))
    assert widths[:6] == [1, 2, 2, 3, 3, 3]
    assert widths[-1] == POLICY.most_at_once
    assert may_call(breaker, under_way=POLICY.most_at_once - 1)
    assert not may_call(breaker, under_way=POLICY.most_at_once)


def test_failures_halve_the_window_but_never_close_it() -> None:
    breaker = replace(Breaker(), window=16.0)
    breaker = failed(breaker, now=NOW, reason="HTTP 500", policy=POLICY)
    assert breaker.window == 8.0
    breaker = broken(3, breaker)
    assert (breaker.state, breaker.window) == (BreakerState.CLOSED, 1.0)
    assert may_call(breaker)


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    almost = broken(POLICY.threshold - 1)
    assert almost.state is BreakerState.CLOSED
    assert broken(1, almost).state is BreakerState.OPEN
    recovered = succeeded(almost, policy=POLICY)
    assert broken(POLICY.threshold - 1, recovered).state is BreakerState.CLOSED


def test_while_open_nothing_is_called_until_the_cool_down_is_over() -> None:
    breaker = broken()
    assert breaker.reason == "HTTP 500"
    assert breaker.retry_at == NOW + POLICY.cooldown
    assert not may_call(breaker, now=NOW + POLICY.cooldown - timedelta(microseconds=1))
    assert may_call(breaker, now=NOW + POLICY.cooldown)


def test_only_one_probe_goes_out() -> None:
    at = NOW + timedelta(days=1)
    assert probing(at).state is BreakerState.HALF_OPEN
    assert not may_call(probing(at), now=at)
    assert not may_call(probing(at), now=at + POLICY.probe_lease - timedelta(microseconds=1))


def test_a_prober_that_died_gives_the_probe_back() -> None:
    at = NOW + timedelta(days=1)
    again, admitted = admit(probing(at), now=at + POLICY.probe_lease, under_way=0, policy=POLICY)
    assert admitted
    assert again.probe_until == at + 2 * POLICY.probe_lease


def test_a_good_probe_closes_it_and_the_return_is_slow() -> None:
    breaker = succeeded(probing(), policy=POLICY)
    assert breaker == Breaker()
    assert not may_call(breaker, under_way=1)


def test_a_late_success_of_an_older_call_also_closes_it() -> None:
    assert succeeded(broken(), policy=POLICY) == Breaker()


def test_each_bad_probe_doubles_the_cool_down_up_to_the_longest() -> None:
    breaker, cooldowns = broken(), []
    for day in range(1, 40):
        at = NOW + timedelta(days=day)
        breaker, admitted = admit(breaker, now=at, under_way=0, policy=POLICY)
        assert admitted
        breaker = failed(breaker, now=at, reason="HTTP 500", policy=POLICY)
        assert breaker.retry_at is not None
        cooldowns.append((breaker.retry_at - at).total_seconds())
    assert cooldowns[:5] == [30, 60, 120, 240, 300]
    assert set(cooldowns[5:]) == {300}


def test_a_late_failure_of_an_older_call_does_not_prolong_an_open_breaker() -> None:
    breaker = broken()
    assert failed(breaker, now=NOW + timedelta(seconds=9), reason="x", policy=POLICY) == breaker


def test_throttling_holds_for_as_long_as_asked_and_is_no_failure() -> None:
    breaker = replace(Breaker(), window=8.0)
    wait = timedelta(seconds=90)
    for _ in range(POLICY.threshold * 2):
        breaker = throttled(breaker, now=NOW, reason="HTTP 429", wait=wait, policy=POLICY)
    assert (breaker.state, breaker.failures, breaker.window) == (BreakerState.CLOSED, 0, 1.0)
    assert not may_call(breaker, now=NOW + wait - timedelta(microseconds=1))
    assert may_call(breaker, now=NOW + wait)


def test_a_shorter_wish_does_not_shorten_a_longer_one() -> None:
    breaker = Breaker()
    for seconds in (90, 5):
        wait = timedelta(seconds=seconds)
        breaker = throttled(breaker, now=NOW, reason="HTTP 429", wait=wait, policy=POLICY)
    assert breaker.not_before == NOW + timedelta(seconds=90)


def test_a_throttled_probe_is_asked_again_without_a_longer_cool_down() -> None:
    at = NOW + timedelta(days=1)
    before = probing(at)
    after = throttled(before, now=at, reason="HTTP 429", wait=None, policy=POLICY)
    assert (after.state, after.openings) == (BreakerState.OPEN, before.openings)
    assert after.retry_at == at + POLICY.cooldown


def test_a_probe_that_failed_through_us_is_given_back() -> None:
    at = NOW + timedelta(days=1)
    before = probing(at)
    after = undecided(before, now=at, policy=POLICY)
    assert (after.state, after.openings) == (BreakerState.OPEN, before.openings)
    assert not may_call(after, now=at)
    assert may_call(after, now=at + POLICY.cooldown)


def test_our_own_faults_change_nothing_while_closed() -> None:
    breaker = broken(2)
    assert undecided(breaker, now=NOW, policy=POLICY) == breaker


@pytest.mark.parametrize("verdict", [Delivered(), Dead(reason="HTTP 422")])
def test_a_clear_answer_closes_a_half_open_breaker(verdict: Verdict) -> None:
    assert settled(probing(), verdict, now=NOW, policy=POLICY) == Breaker()


@pytest.mark.parametrize("verdict", [Retry(reason="HTTP 500"), Unknown(reason="lost answer")])
def test_an_unclear_or_bad_answer_counts_against_the_endpoint(verdict: Verdict) -> None:
    assert settled(Breaker(), verdict, now=NOW, policy=POLICY).failures == 1


@pytest.mark.parametrize(
    "verdict", [Pause(reason="HTTP 410"), Retry(reason="no name server", charge_endpoint=False)]
)
def test_a_pause_or_a_fault_of_ours_does_not(verdict: Verdict) -> None:
    assert settled(Breaker(), verdict, now=NOW, policy=POLICY) == Breaker()


def test_a_failing_endpoint_that_throttles_is_charged_and_held() -> None:
    wait = timedelta(minutes=30)
    verdict = Retry(reason="HTTP 503", at_least=wait, throttled=True)
    breaker = settled(Breaker(), verdict, now=NOW, policy=POLICY)
    assert (breaker.failures, breaker.not_before) == (1, NOW + wait)
    opened = settled(broken(POLICY.threshold - 1), verdict, now=NOW, policy=POLICY)
    assert (opened.state, opened.retry_at) == (BreakerState.OPEN, NOW + wait)


verdicts: st.SearchStrategy[Verdict] = st.one_of(
    st.just(Delivered()),
    st.just(Dead(reason="d")),
    st.just(Pause(reason="p")),
    st.just(Unknown(reason="u")),
    st.builds(
        Retry,
        reason=st.just("r"),
        at_least=st.none() | st.timedeltas(timedelta(), timedelta(hours=1)),
        throttled=st.booleans(),
        charge_endpoint=st.booleans(),
    ),
)


@dataclass(frozen=True)
class Step:
    pause: timedelta
    call: bool
    verdict: Verdict


steps = st.builds(
    Step,
    pause=st.timedeltas(timedelta(), timedelta(minutes=10)),
    call=st.booleans(),
    verdict=verdicts,
)


@given(st.lists(steps, max_size=60))
def test_whatever_happens_it_stays_sound_and_can_be_called_again(history: list[Step]) -> None:
    breaker, now = Breaker(), NOW
    for step in history:
        now += step.pause
        if step.call:
            breaker, _ = admit(breaker, now=now, under_way=0, policy=POLICY)
        else:
            breaker = settled(breaker, step.verdict, now=now, policy=POLICY)
        assert 1.0 <= breaker.window <= POLICY.most_at_once
        assert (breaker.probe_until is not None) == (breaker.state is BreakerState.HALF_OPEN)
        assert (breaker.retry_at is not None) == (breaker.state is BreakerState.OPEN)
    assert may_call(breaker, now=now + timedelta(hours=1, minutes=5))


@given(st.lists(steps, max_size=20))
def test_it_survives_being_kept_as_json(history: list[Step]) -> None:
    breaker, now = Breaker(), NOW
    for step in history:
        now += step.pause
        breaker = settled(breaker, step.verdict, now=now, policy=POLICY)
    assert msgspec.json.decode(msgspec.json.encode(breaker), type=Breaker) == breaker
