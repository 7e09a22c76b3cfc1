"""Who called whom, as Asterisk and the dialplan tell it."""

import pytest

from channels.voice.asterisk.exchange import call_of
from channels.voice.asterisk.messages import CallerId, Channel, Dialplan

OURS = frozenset({"12345", "12319"})


def channel(number: str = "13800138000") -> Channel:
    return Channel(
        id="1795301102.7",
        name="PJSIP/trunk-00000001",
        caller=CallerId(number=number),
        dialplan=Dialplan(exten="12345"),
    )


def test_a_call_diverted_from_a_merged_number_is_a_call_to_that_number() -> None:
    call = call_of(channel(), ("12345", "12319", "allowed"), "CN", OURS)
    assert (call.dialled, call.diverted_from, call.entry) == ("12345", "12319", "12319")


def test_a_call_diverted_from_somebodys_own_telephone_is_a_call_to_the_hotline() -> None:
    call = call_of(channel(), ("12345", "13900139000", "allowed"), "CN", OURS)
    assert (call.diverted_from, call.entry) == ("13900139000", "12345")


@pytest.mark.parametrize(
    ("number", "shown", "caller"),
    [
        ("13800138000", "allowed", "+8613800138000"),
        ("13800138000", "prohib_passed_screen", None),
        ("anonymous", "allowed", None),
        ("1001", "allowed", "sip:1001"),
    ],
)
def test_the_caller_is_who_may_be_shown(number: str, shown: str, caller: str | None) -> None:
    assert call_of(channel(number), ("12345", "", shown), "CN").caller == caller
