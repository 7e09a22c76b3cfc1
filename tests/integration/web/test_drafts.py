"""Drafts over the API: read, correct, decide, split; and what is said when it cannot be."""

import pytest

from gateway.channel.contract import ChannelSpec
from gateway.domain.intake import InboundMessage, MediaRef
from gateway.domain.lifecycle import State
from gateway.store.tokens import Scope
from tests.integration.intake.conftest import CITIZEN, WEB, text
from tests.integration.web.conftest import BOTH_ENGINES, Door

pytestmark = BOTH_ENGINES

ABSENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


async def queued(door: Door, *words: str) -> str:
    """A queued draft with these messages."""
    for number, one in enumerate(words or ("路灯坏了",)):
        await door.office.hears(text(one, f"m{number}"))
    door.office.clock.turn(3600)
    await door.office.sealer.seal_due()
    return (await door.office.drafts())[-1].draft_id


async def test_a_draft_is_read_with_its_revision_as_etag(door: Door) -> None:
    draft_id = await queued(door)
    answer = await door.ask("GET", f"/api/v1/drafts/{draft_id}")
    assert answer.status == 200
    assert answer.json["state"] == "queued"
    assert answer.headers["ETag"] == f'"{answer.json["revision"]}"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("draft_id", [ABSENT, "nonsense", "%00", "..%2f.."])
async def test_what_does_not_exist_is_not_found(door: Door, draft_id: str) -> None:
    answer = await door.ask("GET", f"/api/v1/drafts/{draft_id}")
    assert (answer.status, answer.code) == (404, "not_found")


async def test_drafts_are_listed_newest_first_page_by_page(door: Door) -> None:
    for number in range(5):
        spec = ChannelSpec(kind="web", account="site", receipt_in_answer=True)
        event = InboundMessage(
            contact=f"web:{number}", entry="", dedupe_key=f"k{number}", text=f"第{number}件"
        )
        await door.office.hears(event, spec)
        door.office.clock.turn(1)
    seen: list[str] = []
    path = "/api/v1/drafts?limit=2"
    while True:
        page = (await door.ask("GET", path)).json
        seen += [one["request"]["content"] for one in page["drafts"]]
        if "next" not in page:
            break
        path = f"/api/v1/drafts?limit=2&before={page['next']}"
    assert seen == ["第4件", "第3件", "第2件", "第1件", "第0件"]


async def test_drafts_are_found_by_state_and_contact(door: Door) -> None:
    await queued(door)
    found = await door.ask("GET", "/api/v1/drafts?state=queued,claimed")
    assert len(found.json["drafts"]) == 1
    assert (await door.ask("GET", "/api/v1/drafts?state=claimed")).json["drafts"] == []
    mine = await door.ask("GET", "/api/v1/drafts", query={"contact": CITIZEN})
    assert len(mine.json["drafts"]) == 1
    # "null" is a contact like any other, not "no contact given".
    assert (await door.ask("GET", "/api/v1/drafts?contact=null")).json["drafts"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("limit=1&limit=2", "limit"),
        ("state=sleeping", "state[0]"),
        ("before=yesterday", "before"),
        ("contact=%00", "contact"),
        ("colour=red", "colour"),
    ],
)
async def test_a_wrong_parameter_is_named(door: Door, query: str, field: str) -> None:
    answer = await door.ask("GET", f"/api/v1/drafts?{query}")
    assert (answer.status, answer.code) == (400, "bad_parameter")
    assert answer.json["errors"][0]["field"] == field


async def test_the_history_tells_who_changed_what(door: Door) -> None:
    draft_id = await queued(door)
    await door.ask("POST", f"/api/v1/drafts/{draft_id}/claim")
    lines = (await door.ask("GET", f"/api/v1/drafts/{draft_id}/history")).json["revisions"]
    assert [line["revision"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[0]["changed"] == ["*"]
    assert lines[-1]["actor"].startswith("operator:admin/")
    assert "state" in lines[-1]["changed"]
    assert (await door.ask("GET", f"/api/v1/drafts/{ABSENT}/history")).code == "not_found"


async def test_a_revision_can_be_read_as_it_was(door: Door) -> None:
    draft_id = await queued(door)
    path = f"/api/v1/drafts/{draft_id}"
    await door.ask("POST", f"{path}/claim")
    first = await door.ask("GET", f"{path}/history/1")
    assert (first.headers["ETag"], first.json["state"]) == ('"1"', "collecting")
    assert (await door.ask("GET", path)).json["state"] == "claimed"
    for absent in (f"{path}/history/99", f"{path}/history/x", f"/api/v1/drafts/{ABSENT}/history/1"):
        assert (await door.ask("GET", absent)).code == "not_found"


async def test_a_correction_needs_the_revision_it_was_made_to(door: Door) -> None:
    draft_id = await queued(door)
    path = f"/api/v1/drafts/{draft_id}"
    patch = {"request": {"title": "路灯"}, "confidential": True}
    assert (await door.ask("PATCH", path, body=patch)).code == "revision_required"
    etag = (await door.ask("GET", path)).headers["ETag"]
    done = await door.ask("PATCH", path, body=patch, headers={"If-Match": etag})
    assert done.status == 200
    assert done.json["request"]["title"] == "路灯"
    assert done.json["confidential"] is True
    stale = await door.ask("PATCH", path, body=patch, headers={"If-Match": etag})
    assert (stale.status, stale.code) == (409, "stale_revision")
    anyhow = await door.ask("PATCH", path, body={"confidential": False}, headers={"If-Match": "*"})
    assert anyhow.json["confidential"] is False


async def test_null_removes_a_part_and_a_field(door: Door) -> None:
    draft_id = await queued(door)
    path, anyhow = f"/api/v1/drafts/{draft_id}", {"If-Match": "*"}
    given = {"location": {"address": "解放路1号", "lat": 36.6, "long": 117.0, "datum": "WGS84"}}
    await door.ask("PATCH", path, body=given, headers=anyhow)
    less = await door.ask("PATCH", path, body={"location": {"lat": None}}, headers=anyhow)
    assert "lat" not in less.json["location"]
    gone = await door.ask("PATCH", path, body={"location": None}, headers=anyhow)
    assert "location" not in gone.json


@pytest.mark.parametrize(
    ("patch", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"state": "forwarded"}, "state"),
        ({"request": {"colour": "red"}}, "colour"),
        ({"priority": {"level": "normal", "colour": "red"}}, "priority.colour"),
        ({"routing": {"lead": {"code": "1", "name": "a", "x": 1}}}, "routing.lead.x"),
        ({"priority": {"level": "extreme"}}, "priority.level"),
        ({"request": None}, "request"),
        ({"request": {"content": None}}, "content"),
        ({"reporter": {"phone": "12345"}}, "reporter.phone"),
        ({"confidential": "maybe"}, "confidential"),
        ({"deadline": {"due_at": "2026-01-01T00:00:00"}}, "deadline.due_at"),
    ],
)
async def test_a_correction_that_makes_no_sense_is_refused_by_name(
    door: Door, patch: dict[str, object], named: str
) -> None:
    draft_id = await queued(door)
    path = f"/api/v1/drafts/{draft_id}"
    before = (await door.ask("GET", path)).body
    answer = await door.ask("PATCH", path, body=patch, headers={"If-Match": "*"})
    assert (answer.status, answer.code) == (422, "invalid")
    assert named in answer.json["detail"]
    assert (await door.ask("GET", path)).body == before


@pytest.mark.parametrize("header", ["3", 'W/"3"', '"3", "4"', '"x"', ""])
async def test_an_if_match_that_is_no_revision_is_refused(door: Door, header: str) -> None:
    answer = await door.ask(
        "PATCH", f"/api/v1/drafts/{ABSENT}", body={}, headers={"If-Match": header}
    )
    assert answer.code == "bad_parameter"


async def test_claim_release_confirm(door: Door) -> None:
    draft_id = await queued(door)
    path = f"/api/v1/drafts/{draft_id}"
    claimed = await door.ask("POST", f"{path}/claim")
    assert claimed.json["state"] == "claimed"
    assert claimed.json["operator"]["id"].startswith("admin/")
    assert (await door.ask("POST", f"{path}/claim")).status == 200  # mine already
    other = await door.make_token({Scope.DRAFTS_WRITE}, "other")
    assert (await door.ask("POST", f"{path}/claim", token=other)).code == "taken"
    assert (await door.ask("POST", f"{path}/release")).json["state"] == "queued"
    stale = await door.ask("POST", f"{path}/confirm", headers={"If-Match": claimed.headers["ETag"]})
    assert stale.code == "stale_revision"
    assert (await door.ask("POST", f"{path}/confirm")).json["state"] == "forwarding"
    again = await door.ask("POST", f"{path}/confirm")
    assert (again.status, again.json["state"]) == (200, "forwarding")
    assert (await door.ask("POST", f"{path}/release")).code == "wrong_state"


async def test_a_draft_the_backends_gave_back_can_be_confirmed_again(door: Door) -> None:
    from msgspec.structs import replace

    from gateway.store import drafts

    draft_id = await queued(door)
    await door.ask("POST", f"/api/v1/drafts/{draft_id}/confirm")
    await door.office.ledgers.write(
        "test",
        lambda ledger: ledger.revise(
            filed := drafts.get(ledger.connection, draft_id),
            replace(filed.draft, state=State.READY),
        ),
    )
    told = len(await door.office.told())
    await door.ask("POST", f"/api/v1/drafts/{draft_id}/confirm")
    assert "draft.ready" in [event.type for event in (await door.office.told())[told:]]


async def test_reject_and_reply(door: Door) -> None:
    draft_id = await queued(door)
    path = f"/api/v1/drafts/{draft_id}"
    wrong = await door.ask("POST", f"{path}/reject", body={"code": "too_long_ago"})
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (422, "code")
    assert (await door.ask("POST", f"{path}/reject")).json["errors"][0]["field"] == "code"
    assert (await door.ask("POST", f"{path}/reply", body={"text": " "})).code == "invalid"
    replied = await door.ask("POST", f"{path}/reply", body={"text": "已派人维修"})
    assert replied.json["messages"][-1]["direction"] == "out"
    rejected = await door.ask("POST", f"{path}/reject", body={"code": "spam", "note": "广告"})
    assert rejected.json["state"] == "rejected"
    assert (await door.ask("POST", f"{path}/claim")).code == "wrong_state"


async def test_merge_closes_one_draft_as_part_of_another(door: Door) -> None:
    first = await queued(door, "路灯坏了")
    await door.office.hears(
        InboundMessage(contact="web:2", entry="", dedupe_key="f", text="还是路灯", seals=True), WEB
    )
    second = next(one.draft_id for one in await door.office.drafts() if one.draft_id != first)
    path = f"/api/v1/drafts/{second}/merge"
    assert (await door.ask("POST", path, body={"into": second})).code == "invalid"
    assert (await door.ask("POST", path, body={"into": ABSENT})).code == "not_found"
    merged = await door.ask("POST", path, body={"into": first})
    assert merged.json["links"]["merged_into"] == first


async def test_split_makes_a_case_of_its_own_of_some_messages(door: Door) -> None:
    draft_id = await queued(door, "路灯坏了", "另外,井盖也没了")
    path = f"/api/v1/drafts/{draft_id}"
    before = (await door.ask("GET", path)).json
    second = before["messages"][1]["id"]
    done = await door.ask("POST", f"{path}/split", body={"message_ids": [second]})
    assert done.status == 201
    rest, part = done.json["draft"], done.json["split_off"]
    assert done.headers["Location"] == f"/api/v1/drafts/{part['draft_id']}"
    assert rest["request"]["content"] == "路灯坏了"
    assert part["request"]["content"] == "另外,井盖也没了"
    assert part["state"] == "queued"
    assert part["receipt_no"] != rest["receipt_no"]
    assert part["extra"]["split_from"] == draft_id
    assert rest["extra"]["split_into"] == [part["draft_id"]]
    assert [one["id"] for one in part["messages"]] == [second]
    types = [event.type for event in await door.office.told()]
    assert types.count("draft.created") == 2


@pytest.mark.parametrize("ids", [["nobody"], [], ["all"]])
async def test_a_split_that_makes_no_sense_is_refused(door: Door, ids: list[str]) -> None:
    draft_id = await queued(door, "路灯坏了", "井盖没了")
    path = f"/api/v1/drafts/{draft_id}"
    if ids == ["all"]:
        ids = [one["id"] for one in (await door.ask("GET", path)).json["messages"]]
    answer = await door.ask("POST", f"{path}/split", body={"message_ids": ids})
    assert (answer.status, answer.code) == (422, "invalid")
    assert len(await door.office.drafts()) == 1


async def test_a_confirmed_draft_is_not_split(door: Door) -> None:
    draft_id = await queued(door, "路灯坏了", "井盖没了")
    path = f"/api/v1/drafts/{draft_id}"
    await door.ask("POST", f"{path}/confirm")
    first = (await door.ask("GET", path)).json["messages"][0]["id"]
    answer = await door.ask("POST", f"{path}/split", body={"message_ids": [first]})
    assert answer.code == "wrong_state"


async def test_a_file_is_sent_to_be_saved_and_never_to_be_shown(door: Door) -> None:
    page = b"<script>alert(1)</script>"
    sha256 = await door.blobs.put(page)
    refs = tuple(
        MediaRef(id=name, kind="document", media_type=kind, sha256=digest, size=len(page))
        for name, kind, digest in [
            ("page", "text/html", sha256),
            ("photo", "image/jpeg", sha256),
            ("lost", "image/png", "0" * 64),
        ]
    )
    await door.office.hears(text("见附件", "m1", media=refs))
    draft_id = (await door.office.only_draft()).draft_id
    files = f"/api/v1/drafts/{draft_id}/attachments"
    html = await door.ask("GET", f"{files}/page")
    assert html.body == page
    assert html.headers["Content-Type"] == "application/octet-stream"
    assert html.headers["Content-Disposition"].startswith("attachment;")
    assert html.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in html.headers["Content-Security-Policy"]
    photo = await door.ask("GET", f"{files}/photo", headers={"Range": "bytes=1-6"})
    assert (photo.status, photo.body) == (206, b"script")
    assert photo.headers["Content-Type"] == "image/jpeg"
    assert (await door.ask("GET", f"{files}/lost")).code == "file_missing"
    assert (await door.ask("GET", f"{files}/other")).code == "not_found"
    assert (await door.ask("GET", f"{files}/page", token=None)).code == "unauthorized"
