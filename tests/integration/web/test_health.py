"""Health and metrics, for those who may see them."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from gateway.store.errors import StoreDown
from gateway.web.server import listening
from gateway.web.surfaces import health_routes
from tests.contract.kit.office import Office
from tests.integration.web.conftest import Door


async def test_a_healthy_gateway_says_so(door: Door) -> None:
    assert (await door.ask("GET", "/healthz", token=None)).json == {"status": "ok"}
    ready = await door.ask("GET", "/readyz", token=None)
    assert (ready.status, ready.json["checks"]["store"]) == (200, "ok")


async def test_a_store_that_is_away_makes_it_unready_but_alive(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(operation: object) -> None:
        raise StoreDown("the database is gone", "look after it")

    monkeypatch.setattr(door.office.store, "read", away)
    assert (await door.ask("GET", "/healthz", token=None)).status == 200
    ready = await door.ask("GET", "/readyz", token=None)
    assert (ready.status, ready.json["status"]) == (503, "degraded")
    assert "gone" in ready.json["checks"]["store"]
    assert (await door.ask("GET", "/metrics", token=None)).status == 200


async def test_metrics_show_work_drafts_and_acknowledgements(door: Door) -> None:
    await door.ask(
        "POST",
        "/api/v1/intake",
        token=None,
        body={"content": "路灯坏了"},
        headers={"Idempotency-Key": "key-00001"},
    )
    shown = (await door.ask("GET", "/metrics", token=None)).body.decode()
    assert 'hotline_drafts{state="queued"} 1.0' in shown
    assert 'hotline_work{queue="deliver:casework",state="ready"}' in shown
    assert 'hotline_acknowledge_seconds_count{account="site",kind="web"} 1.0' in shown
    assert "hotline_disk_free_bytes" in shown


async def test_strangers_see_neither_metrics_nor_reasons(office: Office, tmp_path: Path) -> None:
    routes = health_routes(
        office.store,
        [],
        data=tmp_path,
        registry=CollectorRegistry(),
        allow=[ip_network("10.0.0.0/8")],
    )
    async with listening(routes, "127.0.0.1", 0) as port, ClientSession() as session:
        base = f"http://127.0.0.1:{port}"
        headers = {"X-Forwarded-For": "10.0.0.1"}
        async with session.get(f"{base}/metrics", headers=headers) as answer:
            assert answer.status == 403
        async with session.get(f"{base}/readyz", headers=headers) as answer:
            assert await answer.json() == {"status": "ok"}
