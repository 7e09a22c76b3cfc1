"""What hostile, clumsy and unlucky requests get: one problem document each, and nothing more."""

import asyncio
import gzip
import json
import re
from urllib.parse import urlsplit

import pytest

from gateway.store.errors import StoreDown
from tests.integration.intake.conftest import text
from tests.integration.web.conftest import Door

DRAFTS = "/api/v1/drafts"
SOME = f"{DRAFTS}/01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v2/drafts", "/api/v1/Drafts"])
async def test_an_address_that_does_not_exist(door: Door, path: str) -> None:
    answer = await door.ask("GET", path, token=None)
    assert (answer.status, answer.code) == (404, "not_found")
    assert "openapi.json" in answer.json["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", SOME, "GET, HEAD, PATCH"),
        ("PUT", DRAFTS, "GET, HEAD"),
        ("GET", f"{SOME}/claim", "POST"),
        ("GET", "/api/v1/intake", "POST"),
        ("OPTIONS", "/api/v1/feed", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_allowed(
    door: Door, method: str, path: str, allowed: str
) -> None:
    answer = await door.ask(method, path)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


async def test_head_is_get_without_its_body(door: Door) -> None:
    answer = await door.ask("HEAD", DRAFTS)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("text/html, */*;q=0.1", 200),
        ("application/*", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
    ],
)
async def test_a_client_that_takes_no_json(door: Door, accept: str, status: int) -> None:
    assert (await door.ask("GET", DRAFTS, headers={"Accept": accept})).status == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json"},  # a correction is a merge patch
        {},
        {"Content-Type": "application/merge-patch+json", "Content-Encoding": "gzip"},
    ],
)
async def test_a_media_type_that_is_not_supported(door: Door, headers: dict[str, str]) -> None:
    answer = await door.ask(
        "PATCH", SOME, data=gzip.compress(b"{}"), headers={"If-Match": "*", **headers}
    )
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"nonsense",
        b'{"extra":' + b"[" * 40 + b"]" * 40 + b"}",
        b"[" * 100_000,
        b'{"extra":{"a":"\\ud800"}}',
    ],
)
async def test_a_body_that_is_no_decent_json(door: Door, body: bytes) -> None:
    answer = await door.ask(
        "PATCH",
        SOME,
        data=body,
        headers={"If-Match": "*", "Content-Type": "application/merge-patch+json"},
    )
    assert answer.status in {400, 422}
    assert answer.code in {"malformed", "invalid", "not_found"}


async def test_a_body_that_is_too_large_is_not_read(door: Door) -> None:
    answer = await door.ask("POST", f"{SOME}/reply", body={"text": "a" * 300_000})
    assert (answer.status, answer.code) == (413, "too_large")


async def head_of_answer(door: Door, request: str, then: bytes = b"") -> bytes:
    """Send the head of a request, ``then`` what comes behind it; return the head of the answer."""
    parts = urlsplit(door.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    await asyncio.sleep(0.05)  # so that it arrives by itself
    writer.write(then)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()
    return head


async def test_a_body_that_does_not_come_is_not_waited_for(door: Door) -> None:
    head = await head_of_answer(
        door,
        f"POST {SOME}/reply HTTP/1.1\nHost: x\nAuthorization: Bearer {door.token}\n"
        "Content-Type: application/json\nContent-Length: 100",
    )
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in head


async def test_a_body_that_is_announced_too_large_is_refused_at_once(door: Door) -> None:
    head = await head_of_answer(
        door,
        "POST /api/v1/intake HTTP/1.1\nHost: x\nContent-Type: application/json\n"
        "Idempotency-Key: key-00002\nContent-Length: 30000000",
    )
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in head


@pytest.mark.parametrize("then", [b"zz\r\n", b"5\r\nabcdefg\r\n"])
async def test_chunks_that_make_no_sense_are_refused(door: Door, then: bytes) -> None:
    head = await head_of_answer(
        door,
        "POST /api/v1/intake HTTP/1.1\nHost: x\nContent-Type: application/json\n"
        "Idempotency-Key: key-00002\nTransfer-Encoding: chunked",
        then,
    )
    assert re.match(rb"HTTP/1\.[01] 4", head)


async def test_a_client_that_hangs_up_is_no_fault_of_ours(door: Door) -> None:
    parts = urlsplit(door.url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(
        f"POST {SOME}/reply HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {door.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
    )
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.transport.abort()
    async with asyncio.timeout(5):
        while not door.noted:
            await asyncio.sleep(0.02)
    assert door.noted == [("api.answered", {"operation": "replyToCitizen", "status": 400})]


async def test_a_store_that_is_away_is_told_as_busy(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(operation: object) -> None:
        raise StoreDown("the database /secret/path is gone", "look after it")

    await door.ask("GET", DRAFTS)  # the token is remembered from here
    monkeypatch.setattr(door.office.store, "read", away)
    answer = await door.ask("GET", DRAFTS)
    assert (answer.status, answer.code) == (503, "busy")
    assert answer.headers["Retry-After"] == "5"
    assert b"secret" not in answer.body


async def test_a_fault_of_ours_is_told_by_an_id_that_stands_in_the_log(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(operation: object) -> None:
        raise KeyError("+8613800138000")

    await door.ask("GET", DRAFTS)
    monkeypatch.setattr(door.office.store, "read", broken)
    answer = await door.ask("GET", DRAFTS)
    assert (answer.status, answer.code) == (500, "internal")
    assert b"13800138000" not in answer.body
    (values,) = [values for name, values in door.noted if name == "api.failed"]
    assert values["error_id"] == answer.json["error_id"]
    assert values["operation"] == "listDrafts"


async def test_the_intake_api_refuses_in_problems_too(door: Door) -> None:
    answer = await door.ask(
        "POST",
        "/api/v1/intake",
        token=None,
        body={"content": "路灯坏了", "colour": "red"},
        headers={"Idempotency-Key": "key-00001"},
    )
    assert answer.status == 400
    assert answer.json["errors"][0]["field"] == "colour"


async def test_the_intake_api_hands_in(door: Door) -> None:
    headers = {"Idempotency-Key": "key-00001"}
    body = {"content": "解放路路灯坏了"}
    first = await door.ask("POST", "/api/v1/intake", token=None, body=body, headers=headers)
    again = await door.ask("POST", "/api/v1/intake", token=None, body=body, headers=headers)
    assert first.status == again.status == 201
    assert first.json == again.json
    assert (await door.office.only_draft()).draft_id == first.json["draft_id"]


async def test_personal_data_is_not_noted(door: Door) -> None:
    await door.office.hears(text("我叫王小明", "m1"))
    draft_id = (await door.office.only_draft()).draft_id
    await door.ask("GET", DRAFTS, query={"contact": "tel:+8613800138000"})
    await door.ask("POST", f"{DRAFTS}/{draft_id}/reply", body={"text": "王小明您好"})
    noted = json.dumps(door.noted, default=str, ensure_ascii=False)
    assert "13800138000" not in noted
    assert "王小明" not in noted
