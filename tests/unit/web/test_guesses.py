"""Whose guess it was, and when it has been enough."""

from datetime import UTC, datetime

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.intake.tries import Tries
from gateway.web.guesses import asker


class Turned:
    """A clock that is set by hand."""

    seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("peer", "forwarded", "who"),
    [
        ("203.0.113.9", "198.51.100.1", "198.51.100.1"),  # documentation ranges are not global
        ("8.8.8.8", "", "8.8.8.8"),
        ("8.8.8.8", "1.1.1.1", "8.8.8.8"),
        ("127.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.2", "9.9.9.9, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.2", "nonsense", "10.0.0.2"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("::ffff:8.8.8.8", "", "8.8.8.8"),
        ("2001:4860:4860::8888", "", "2001:4860:4860::/64"),
        ("::1", "2001:4860:4860::8844", "2001:4860:4860::/64"),
    ],
)
def test_the_asker_is_the_peer_or_whom_a_proxy_beside_us_names(
    peer: str, forwarded: str, who: str
) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("POST", "/report/status", headers=headers)
    assert asker(request.clone(remote=peer)) == who


def test_a_key_waits_until_its_window_has_passed() -> None:
    clock = Turned()
    tries = Tries(clock=clock, limit=2, window_s=10)
    tries.went_wrong("a")
    clock.seconds = 9
    tries.went_wrong("a")
    assert tries.are_used_up("a")
    assert not tries.are_used_up("b")
    assert tries.wait_s("a") == 1
    clock.seconds = 10
    assert not tries.are_used_up("a")


def test_memory_is_bounded() -> None:
    tries = Tries(clock=Turned(), limit=1, window_s=10, most_keys=3)
    for key in "abcd":
        tries.went_wrong(key)
    assert [tries.are_used_up(key) for key in "abcd"] == [False, True, True, True]
