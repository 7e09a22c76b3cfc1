"""The pull feed: everything once, in order, from any cursor on."""

import base64

import pytest

from tests.integration.intake.conftest import text
from tests.integration.web.conftest import BOTH_ENGINES, Door

pytestmark = BOTH_ENGINES


async def test_pages_hold_every_event_once_and_in_order(door: Door) -> None:
    for number in range(4):
        await door.office.hears(text("路灯坏了", f"m{number}"))
    seen, cursor = [], ""
    while True:
        page = (await door.ask("GET", f"/api/v1/feed?limit=3{cursor}")).json
        assert len(page["events"]) <= 3
        seen += [event["id"] for event in page["events"]]
        cursor = f"&cursor={page['cursor']}"
        if not page["more"]:
            break
    assert seen == [event.event_id for event in await door.office.told()]
    assert (await door.ask("GET", f"/api/v1/feed?{cursor}")).json["events"] == []
    await door.office.hears(text("还没修", "m9"))
    later = (await door.ask("GET", f"/api/v1/feed?{cursor}")).json["events"]
    assert later[-1]["data"]["draft"]["request"]["content"].endswith("还没修")


async def test_a_narrow_reader_gets_only_what_it_asks_for(door: Door) -> None:
    await door.office.hears(text("路灯坏了", "m1"))
    page = (await door.ask("GET", "/api/v1/feed?types=message.received,call.*")).json
    assert [event["type"] for event in page["events"]] == ["message.received"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "17",
        "nonsense!",
        base64.urlsafe_b64encode(b"f2:1").decode(),
        base64.urlsafe_b64encode(b"f1:-1").decode(),
        base64.urlsafe_b64encode(b"f1:" + b"9" * 19).decode(),
    ],
)
async def test_a_cursor_of_ones_own_making_is_refused(door: Door, cursor: str) -> None:
    answer = await door.ask("GET", "/api/v1/feed", query={"cursor": cursor})
    assert (answer.status, answer.code) == (400, "bad_cursor")


async def test_a_cursor_of_a_store_that_was_put_back_is_refused(door: Door) -> None:
    ahead = base64.urlsafe_b64encode(b"f1:1000").decode().rstrip("=")
    answer = await door.ask("GET", f"/api/v1/feed?cursor={ahead}")
    assert answer.code == "bad_cursor"
    assert "backup" in answer.json["detail"]


async def test_an_unknown_event_type_is_named(door: Door) -> None:
    answer = await door.ask("GET", "/api/v1/feed?types=draft.eaten")
    assert answer.code == "bad_parameter"
    assert "draft.eaten" in answer.json["detail"]
