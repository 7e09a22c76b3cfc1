"""Query codes cannot be found out by trying: not for one number, not across many."""

import re

from gateway.domain.receipt import receipt_no
from gateway.intake.lookup import WINDOW_S, WRONG_CODES, Lookup
from gateway.web.guesses import WRONG_ANSWERS
from tests.contract.kit.office import Office
from tests.integration.intake.conftest import WEB, text
from tests.integration.web.conftest import KEY, Door


async def case(office: Office) -> tuple[str, str]:
    """Receipt number and query code of a case."""
    outcome = await office.hears(text("路灯坏了", "m1", seals=True), WEB)
    assert outcome.receipt_no
    assert outcome.query_code
    return outcome.receipt_no, outcome.query_code


def other_than(code: str, by: int) -> str:
    return f"{(int(code) + by) % 1_000_000:06d}"


async def test_after_some_wrong_codes_the_right_one_is_not_taken_either(office: Office) -> None:
    number, code = await case(office)
    lookup = Lookup(store=office.store, key=KEY, clock=office.clock)
    for by in range(1, WRONG_CODES):
        assert await lookup.status(number, other_than(code, by)) is None
    assert await lookup.status(number, code) is not None
    assert await lookup.status(number, other_than(code, 99)) is None
    assert await lookup.status(number, code) is None
    office.clock.turn(WINDOW_S)
    assert await lookup.status(number, code) is not None


async def test_numbers_that_do_not_exist_use_up_no_memory(office: Office) -> None:
    lookup = Lookup(store=office.store, key=KEY, clock=office.clock)
    for count in range(1, 50):
        number = receipt_no(office.clock.now().date(), count)
        assert await lookup.status(number, "000000") is None
    assert not lookup._tries._since


async def guess(door: Door, number: str, code: str, forwarded: str = "") -> int:
    answer = await door.ask(
        "POST",
        "/report/status",
        token=None,
        data={"receipt_no": number, "query_code": code},
        headers={"X-Forwarded-For": forwarded} if forwarded else {},
    )
    return answer.status


async def test_one_address_cannot_try_one_code_on_many_numbers(door: Door) -> None:
    number, code = await case(door.office)
    day = door.office.clock.now().date()
    for count in range(2, 2 + WRONG_ANSWERS):
        assert await guess(door, receipt_no(day, count), code) == 404
    assert await guess(door, number, code) == 429
    # Behind a reverse proxy every citizen has a count of their own.
    assert await guess(door, number, code, "203.0.113.9") == 200
    door.office.clock.turn(WINDOW_S)
    assert await guess(door, number, code) == 200


async def test_an_asker_cannot_name_somebody_else(door: Door) -> None:
    day = door.office.clock.now().date()
    for count in range(2, 2 + WRONG_ANSWERS):
        await guess(door, receipt_no(day, count), "000000", f"198.51.100.{count}, 203.0.113.9")
    assert await guess(door, receipt_no(day, 99), "000000", "10.9.9.9, 203.0.113.9") == 429
    assert await guess(door, receipt_no(day, 99), "000000", "203.0.113.9, 203.0.113.10") == 404


async def test_pages_carry_their_security_headers(door: Door) -> None:
    page = await door.ask("GET", "/report/status", token=None)
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert re.match("default-src 'none'", page.headers["Content-Security-Policy"])
