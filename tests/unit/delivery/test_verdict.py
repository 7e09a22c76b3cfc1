"""What each answer, and each lack of one, means for the event and the endpoint."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channel.http import EgressError, EgressErrorKind, EgressReply
from gateway.delivery.verdict import (
    HELD_WAIT,
    Dead,
    Delivered,
    Pause,
    Retry,
    Unknown,
    Verdict,
    judge,
)

NOW = datetime(2026, 11, 3, 8, 30, tzinfo=UTC)


def of_status(status: int, *, repeatable: bool = True, **headers: str) -> Verdict:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = EgressReply(status=status, headers=named, body=b"", truncated=False, elapsed=0.1)
    return judge(reply, now=NOW, repeatable=repeatable)


def of_error(
    kind: EgressErrorKind, *, sent: bool = False, ours: bool = False, repeatable: bool = True
) -> Verdict:
    error = EgressError(kind, "https://cases.example: why", "cure", request_sent=sent, ours=ours)
    return judge(error, now=NOW, repeatable=repeatable)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_any_2xx_delivers(status: int) -> None:
    assert of_status(status) == Delivered()


def test_a_2xx_that_was_cut_at_the_size_limit_still_delivers() -> None:
    reply = EgressReply(status=200, headers={}, body=b"a" * 10, truncated=True, elapsed=0.1)
    assert judge(reply, now=NOW) == Delivered()


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
def test_a_redirect_is_a_failure(status: int) -> None:
    assert of_status(status) == Retry(reason=f"HTTP {status}: redirects are not followed")


def test_410_pauses_the_endpoint() -> None:
    assert of_status(410) == Pause(reason="HTTP 410: the endpoint is gone")


@pytest.mark.parametrize("status", [400, 415, 422])
def test_an_event_the_endpoint_does_not_accept_is_dead_at_once(status: int) -> None:
    assert of_status(status) == Dead(
        reason=f"HTTP {status}: the endpoint does not accept this event"
    )


@pytest.mark.parametrize(
    ("status", "charged"), [(429, False), (502, True), (503, True), (504, True)]
)
def test_some_answers_throttle_and_their_retry_after_is_a_floor(status: int, charged: bool) -> None:
    assert of_status(status, retry_after="90") == Retry(
        reason=f"HTTP {status}",
        at_least=timedelta(seconds=90),
        throttled=True,
        charge_endpoint=charged,
    )
    assert of_status(status) == Retry(
        reason=f"HTTP {status}", throttled=True, charge_endpoint=charged
    )


def test_an_absurd_retry_after_is_capped() -> None:
    verdict = of_status(429, retry_after="31536000")
    assert isinstance(verdict, Retry)
    assert verdict.at_least == timedelta(hours=1)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 408, 409, 413, 451, 500, 501, 505, 599])
def test_every_other_failure_is_tried_again_on_schedule(status: int) -> None:
    assert of_status(status, retry_after="9") == Retry(reason=f"HTTP {status}")


@given(st.integers(100, 999), st.booleans())
def test_every_status_has_a_verdict(status: int, repeatable: bool) -> None:
    verdict = of_status(status, repeatable=repeatable)
    assert isinstance(verdict, Delivered) == (200 <= status < 300)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in EgressErrorKind if kind is not EgressErrorKind.BLOCKED],
)
def test_no_answer_is_tried_again_and_charged_to_the_endpoint(kind: EgressErrorKind) -> None:
    assert of_error(kind, sent=True) == Retry(reason="https://cases.example: why; cure")


@pytest.mark.parametrize("kind", [EgressErrorKind.DNS, EgressErrorKind.REFUSED])
def test_our_own_faults_are_not_charged_and_use_up_nothing(kind: EgressErrorKind) -> None:
    verdict = of_error(kind, ours=True)
    assert verdict == Retry(
        reason="https://cases.example: why; cure",
        at_least=HELD_WAIT,
        charge_endpoint=False,
        uses_schedule=False,
    )


def test_a_forbidden_address_holds_the_endpoint_and_never_kills_an_event() -> None:
    verdict = of_error(EgressErrorKind.BLOCKED)
    assert verdict == Retry(
        reason="https://cases.example: why; cure", at_least=HELD_WAIT, uses_schedule=False
    )


@pytest.mark.parametrize(
    "kind",
    [EgressErrorKind.TIMEOUT, EgressErrorKind.RESET, EgressErrorKind.PROTOCOL],
)
def test_where_repeating_is_unsafe_a_lost_answer_is_unknown(kind: EgressErrorKind) -> None:
    assert isinstance(of_error(kind, sent=True, repeatable=False), Unknown)
    assert isinstance(of_error(kind, sent=False, repeatable=False), Retry)


@pytest.mark.parametrize("status", [500, 502, 504, 599])
def test_where_repeating_is_unsafe_a_server_error_is_unknown(status: int) -> None:
    assert isinstance(of_status(status, repeatable=False), Unknown)


@pytest.mark.parametrize("status", [302, 401, 404, 429, 503])
def test_an_answer_that_says_nothing_was_done_is_safe_to_repeat(status: int) -> None:
    assert isinstance(of_status(status, repeatable=False), Retry)
