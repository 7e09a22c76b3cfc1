"""The gate before an endpoint: how much may be claimed, and what a stored standing means."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway.delivery.breaker import Breaker, BreakerPolicy, BreakerState, failed, throttled
from gateway.delivery.gate import READY_PER_CALL, Gate, Standing, at_rest, standing_of
from gateway.store.deliveries import EndpointRow

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
POLICY = BreakerPolicy()


def gate(breaker: Breaker | None = None, *, paused: str | None = None) -> Gate:
    made = Gate("casework", POLICY)
    made.adopt(Standing(paused=paused, breaker=breaker or Breaker()))
    return made


def room(one: Gate, *, in_hand: int = 0, now: datetime = NOW, monotonic: float = 0.0) -> int:
    return one.room(now=now, monotonic=monotonic, in_hand=in_hand)


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(POLICY.threshold):
        breaker = failed(breaker, now=NOW, reason="HTTP 500", policy=POLICY)
    return breaker


def test_a_new_endpoint_has_room_for_little_and_a_proven_one_for_more() -> None:
    assert room(gate()) == READY_PER_CALL
    assert room(gate(Breaker(window=16.0))) == 16 * READY_PER_CALL
    assert room(gate(Breaker(window=16.0)), in_hand=16 * READY_PER_CALL) == 0


def test_claims_come_in_groups_but_a_lone_free_hand_waits_only_a_moment() -> None:
    one = gate(Breaker(window=16.0))
    most = 16 * READY_PER_CALL
    assert room(one, monotonic=0.0) == most
    assert room(one, in_hand=most - 1, monotonic=0.001) == 0
    assert room(one, in_hand=most // 2, monotonic=0.002) == most // 2
    assert room(one, in_hand=most - 1, monotonic=1.0) == 1


def test_a_paused_endpoint_has_no_room() -> None:
    assert room(gate(paused="gone")) == 0


def test_an_open_breaker_has_room_for_one_probe_when_its_time_has_come() -> None:
    one = gate(opened())
    assert room(one) == 0
    later = NOW + POLICY.cooldown
    assert room(one, now=later) == 1
    assert room(one, now=later, in_hand=1) == 0


def test_a_throttling_endpoint_has_no_room_until_the_time_it_named() -> None:
    wait = timedelta(seconds=90)
    one = gate(throttled(Breaker(), now=NOW, reason="HTTP 429", wait=wait, policy=POLICY))
    assert room(one, now=NOW + timedelta(seconds=89)) == 0
    assert room(one, now=NOW + wait) > 0


def test_successes_of_a_healthy_endpoint_are_nobody_elses_business() -> None:
    one = gate()
    version = one.version
    for _ in range(30):
        one.went_well()
    assert one.width > 1
    assert at_rest(one.standing.breaker)
    assert one.is_easy
    assert one.version == version


def test_trouble_is_everybodys_business() -> None:
    one = gate(failed(Breaker(), now=NOW, reason="HTTP 500", policy=POLICY))
    assert not one.is_easy
    assert one.is_open


def test_what_others_wrote_is_heard_but_our_own_speed_stays() -> None:
    one = gate(Breaker(window=9.0))
    one.heard(EndpointRow(name="casework"))
    assert one.standing.breaker.window == 9.0
    document = msgspec.json.encode(opened()).decode()
    one.heard(EndpointRow(name="casework", paused="maintenance", breaker=document))
    assert one.standing == Standing(paused="maintenance", breaker=opened())
    one.heard(EndpointRow(name="casework"))
    assert one.standing == Standing()


@pytest.mark.parametrize(
    "breaker",
    [
        opened(),
        replace(opened(), state=BreakerState.HALF_OPEN, probe_until=NOW),
        throttled(Breaker(), now=NOW, reason="x", wait=None, policy=POLICY),
    ],
)
def test_a_standing_survives_the_store(breaker: Breaker) -> None:
    document = msgspec.json.encode(breaker).decode()
    row = EndpointRow(name="casework", paused="p", breaker=document)
    assert standing_of(row) == Standing(paused="p", breaker=breaker)


@pytest.mark.parametrize("document", ["", "{}x", '{"state":"sideways"}', "[]"])
def test_a_breaker_that_cannot_be_read_begins_anew(document: str) -> None:
    assert standing_of(EndpointRow(name="casework", breaker=document)).breaker == Breaker()
