"""Who may call the API, and what those hear who may not."""

import re

import pytest

from gateway.store import tokens
from gateway.store.times import to_us
from gateway.store.tokens import Scope
from gateway.web.api.access import REMEMBERED_S
from tests.integration.web.conftest import Door
from tests.integration.web.described import described_api

DRAFTS = "/api/v1/drafts"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer nonsense",
        "Basic dXNlcjpwYXNz",
        "Bearer hlt_01ARZ3NDEKTSV4RRFFQ69G5FAV_" + "a" * 43,
        "Bearer \udcff",
    ],
)
async def test_without_a_good_token_the_answer_tells_nothing(
    door: Door, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await door.ask("GET", DRAFTS, token=None, headers=headers)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "detail" not in answer.json


async def test_a_right_id_with_a_wrong_secret_is_no_token(door: Door) -> None:
    wrong = door.token[:-1] + ("A" if door.token[-1] != "A" else "B")
    assert (await door.ask("GET", DRAFTS, token=wrong)).code == "unauthorized"


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        (Scope.DRAFTS_READ, "GET", DRAFTS),
        (Scope.FEED_READ, "GET", "/api/v1/feed"),
        (Scope.DELIVERIES_READ, "GET", "/api/v1/deliveries/endpoints"),
        (Scope.DELIVERIES_WRITE, "POST", "/api/v1/deliveries/endpoints/casework/resume"),
    ],
)
async def test_a_token_opens_what_its_scope_says_and_nothing_else(
    door: Door, scope: Scope, method: str, path: str
) -> None:
    mine = await door.make_token({scope})
    others = await door.make_token(set(Scope) - {scope, Scope.ADMIN})
    assert (await door.ask(method, path, token=mine)).status == 200
    refused = await door.ask(method, path, token=others)
    assert (refused.status, refused.code) == (403, "forbidden")


async def test_a_revoked_token_is_refused_within_seconds(door: Door) -> None:
    token = await door.make_token({Scope.DRAFTS_READ})
    assert (await door.ask("GET", DRAFTS, token=token)).status == 200
    token_id = tokens.id_in(token)
    assert token_id
    now = to_us(door.office.clock.now())
    await door.office.store.write(
        lambda connection: tokens.revoke(connection, token_id, now=now, actor="test")
    )
    door.office.clock.turn(REMEMBERED_S)
    assert (await door.ask("GET", DRAFTS, token=token)).code == "unauthorized"


async def test_no_token_stands_in_the_store(door: Door) -> None:
    secret = door.token.rsplit("_", 1)[1]
    listed = await door.office.store.read(tokens.listing)
    rows = await door.office.store.read(
        lambda connection: connection.exec_driver_sql("SELECT * FROM token").all()
    )
    assert [one.label for one in listed] == ["admin"]
    assert secret not in str(rows)


async def test_no_operation_forgets_its_scope(door: Door) -> None:
    secured = [one for one in described_api().operations if one.scope is not None]
    for operation in secured:
        path = operation.path.replace("{draft_id}", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
        path = re.sub(r"{\w+}", "casework", path)
        assert operation.scope is not None
        others = await door.make_token(set(Scope) - {operation.scope, Scope.ADMIN})
        assert (await door.ask(operation.method, path, token=None)).code == "unauthorized"
        assert (await door.ask(operation.method, path, token=others)).code == "forbidden"


def test_only_these_operations_are_open() -> None:
    unsecured = [one for one in described_api().operations if one.scope is None]
    assert {one.name: one.signed for one in unsecured} == {
        "reportStatus": True,
        "getDescription": False,
        "getDraftSchema": False,
    }
