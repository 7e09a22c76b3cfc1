"""Deliveries over the API, and what a backend tells of its cases."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from gateway.delivery import signing
from gateway.delivery.keyring import signing_keys
from gateway.store import work
from gateway.store.arrivals import ASSEMBLE, sort_in
from gateway.store.times import to_us
from tests.contract.kit.office import SMS
from tests.integration.intake.conftest import text
from tests.integration.web.conftest import BOTH_ENGINES, CASEWORK, Door

pytestmark = BOTH_ENGINES

BASE = "/api/v1/deliveries"


async def test_endpoints_show_how_they_stand(door: Door) -> None:
    await door.office.hears(text("路灯坏了", "m1"))
    (one,) = (await door.ask("GET", f"{BASE}/endpoints")).json["endpoints"]
    assert one["name"] == "casework"
    assert one["pending"] > 0
    assert "paused" not in one


async def test_pause_and_resume(door: Door) -> None:
    path = f"{BASE}/endpoints/casework"
    paused = await door.ask("POST", f"{path}/pause", body={"reason": "维护窗口"})
    assert paused.json["endpoints"][0]["paused"] == "维护窗口"
    resumed = await door.ask("POST", f"{path}/resume")
    assert "paused" not in resumed.json["endpoints"][0]
    assert (await door.ask("POST", f"{BASE}/endpoints/nobody/pause")).code == "not_found"
    assert (await door.ask("POST", f"{path}/pause", body={"reason": "a\u0000b"})).code == "invalid"


async def test_replay_puts_past_events_out_again(door: Door) -> None:
    await door.office.hears(text("路灯坏了", "m1"))
    draft_id = (await door.office.only_draft()).draft_id
    again = await door.ask(
        "POST", f"{BASE}/replay", body={"draft_id": draft_id, "types": ["draft.created"]}
    )
    assert (again.status, again.json) == (202, {"deliveries": 1})


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("replay", {}),
        ("replay", {"types": ["draft.eaten"]}),
        ("replay", {"since": "yesterday"}),
        ("replay", {"since": "2026-01-01T00:00:00"}),
        ("revive", {}),
        ("revive", {"seqs": [0]}),
        ("revive", {"seqs": [2**64]}),
    ],
)
async def test_what_makes_no_sense_is_refused(
    door: Door, action: str, body: dict[str, object]
) -> None:
    answer = await door.ask("POST", f"{BASE}/{action}", body=body)
    assert (answer.status, answer.code) == (422, "invalid")


async def test_attempts_and_dead_letters_are_lists(door: Door) -> None:
    assert (await door.ask("GET", f"{BASE}/attempts?endpoint=casework")).json == {"attempts": []}
    assert (await door.ask("GET", f"{BASE}/dead")).json == {"letters": []}


async def test_a_contact_that_was_given_up_is_seen_and_becomes_a_draft_after_all(
    door: Door,
) -> None:
    office = door.office
    await office.inbox.commit(SMS, [text("路灯坏了", "m1")], b"raw")
    now = to_us(office.clock.now())

    def give_up(connection: Connection) -> None:
        sort_in(connection)
        for one in work.claim(
            connection, queue=ASSEMBLE, limit=9, now=now, lease=now, claim_id="c"
        ):
            work.bury(connection, one, error="unexpected LookupError")

    await office.store.write(give_up)
    await office.assemble()
    assert await office.drafts() == []

    (letter,) = (await door.ask("GET", f"{BASE}/dead")).json["letters"]
    assert (letter["endpoint"], letter["error"]) == ("gateway:assemble", "unexpected LookupError")
    again = await door.ask("POST", f"{BASE}/revive", body={"seqs": [letter["seq"]]})
    assert again.json == {"deliveries": 1}
    await office.assemble()
    assert (await office.only_draft()).request.content == "路灯坏了"
    assert (await door.ask("GET", f"{BASE}/dead")).json == {"letters": []}


async def test_a_status_is_believed_only_with_its_signature(door: Door) -> None:
    await door.office.hears(text("路灯坏了", "m1"))
    draft = await door.office.only_draft()
    body = json.dumps({"receipt_no": draft.receipt_no, "status": "resolved"}).encode()
    path = "/api/v1/backends/casework/status"
    unsigned = await door.ask(
        "POST", path, data=body, token=None, headers={"Content-Type": "application/json"}
    )
    assert (unsigned.status, unsigned.code) == (401, "unauthorized")
    assert "detail" not in unsigned.json

    def signed(message_id: str, content: bytes) -> dict[str, str]:
        sent_at = door.office.clock.now()
        keys = signing_keys(CASEWORK)
        return {
            **signing.sign(keys, message_id=message_id, sent_at=sent_at, body=content),
            "Content-Type": "application/json",
        }

    # The signature is right, but this draft was never forwarded to that backend.
    answer = await door.ask("POST", path, data=body, token=None, headers=signed("m1", body))
    assert (answer.status, answer.code) == (409, "not_forwarded")
    other = "/api/v1/backends/nobody/status"
    answer = await door.ask("POST", other, data=body, token=None, headers=signed("m2", body))
    assert answer.code == "unauthorized"
    torn = b'{"receipt_no":'
    answer = await door.ask("POST", path, data=torn, token=None, headers=signed("m3", torn))
    assert answer.code == "malformed"
    late = signed("m4", body)
    door.office.clock.turn(timedelta(minutes=6).total_seconds())
    assert (await door.ask("POST", path, data=body, token=None, headers=late)).status == 401
