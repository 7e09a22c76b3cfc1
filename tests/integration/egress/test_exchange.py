"""One exchange on one connection: what goes out to the byte, and when the connection is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest

from gateway.channel.http import EgressError, EgressErrorKind, IPNetwork, Limits
from gateway.egress.client import EgressClient
from tests.peers.hostile_backend import (
    Behaviour,
    Exchange,
    answering,
    hostile_backend,
    resetting_at_once,
    silent,
    well_behaved,
)

LOOPBACK: tuple[IPNetwork, ...] = (ip_network("127.0.0.0/8"),)


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    async with EgressClient() as client:
        yield client


def one_after_another(*behaviours: Behaviour) -> Behaviour:
    """Behave differently each time."""
    left = list(behaviours)

    async def behave(exchange: Exchange) -> None:
        await left.pop(0)(exchange)

    return behave


async def announcing(exchange: Exchange) -> None:
    """Say twice that the answer is coming, and then answer."""
    await exchange.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n")
    await answering(201)(exchange)


async def without_body(exchange: Exchange) -> None:
    """Answer a HEAD: the length of a body that does not follow."""
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")


async def dripping_until_it_hangs_up(exchange: Exchange) -> None:
    """Answer with a body that only the end of the connection ends, slowly."""
    await exchange.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await exchange.write(b"a")
        await asyncio.sleep(0.01)


@asynccontextmanager
async def impatient_backend() -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answer after the head of a request and read no further; give the port and the heads."""
    heads: list[bytes] = []
    done = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n")
        await done.wait()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=1024)
    yield server.sockets[0].getsockname()[1], heads
    done.set()
    server.close()
    await server.wait_closed()


async def test_a_request_carries_our_usual_headers_unless_the_caller_has_his_own(
    client: EgressClient,
) -> None:
    async with hostile_backend(well_behaved) as backend:
        await client.request("POST", backend.url, body=b"{}", allow=LOOPBACK)
        await client.request(
            "POST", backend.url, headers={"user-agent": "me", "accept": "a/b"}, allow=LOOPBACK
        )
    usual, own = (request.headers for request in backend.received)
    assert usual["host"] == f"127.0.0.1:{backend.port}"
    assert (usual["accept"], usual["user-agent"]) == ("*/*", "hotline-gateway")
    assert usual["content-length"] == "2"
    assert "content-type" not in usual
    assert (own["accept"], own["user-agent"]) == ("a/b", "me")
    assert own["content-length"] == "0"


async def test_a_get_says_nothing_of_a_body(client: EgressClient) -> None:
    async with hostile_backend(well_behaved) as backend:
        await client.request("GET", backend.url, allow=LOOPBACK)
    assert "content-length" not in backend.received[0].headers


async def test_a_name_and_password_in_the_url_become_a_header(client: EgressClient) -> None:
    async with hostile_backend(well_behaved) as backend:
        url = f"http://me:secret@127.0.0.1:{backend.port}/hook"
        await client.request("GET", url, allow=LOOPBACK)
    [request] = backend.received
    assert request.headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert (request.target, request.headers["host"]) == ("/hook", f"127.0.0.1:{backend.port}")


async def test_announcements_are_not_the_answer(client: EgressClient) -> None:
    async with hostile_backend(announcing) as backend:
        for _ in range(2):
            reply = await client.request("POST", backend.url, body=b"{}", allow=LOOPBACK)
            assert (reply.status, reply.body) == (201, b"{}")
        assert backend.connections == 1


async def test_the_answer_to_a_head_has_no_body_to_wait_for(client: EgressClient) -> None:
    async with hostile_backend(without_body) as backend:
        for _ in range(2):
            reply = await client.request("HEAD", backend.url, allow=LOOPBACK)
            assert (reply.status, reply.body) == (200, b"")
        assert backend.connections == 1


async def test_a_repeatable_call_is_made_again_when_its_connection_ends_without_an_answer(
    client: EgressClient,
) -> None:
    behave = one_after_another(well_behaved, resetting_at_once, answering(201))
    async with hostile_backend(behave) as backend:
        statuses = [
            (await client.request("GET", backend.url, allow=LOOPBACK)).status for _ in range(2)
        ]
    assert statuses == [200, 201]
    assert [request.connection for request in backend.received] == [1, 1, 2]


async def test_any_other_call_is_made_once(client: EgressClient) -> None:
    async with hostile_backend(one_after_another(resetting_at_once, well_behaved)) as backend:
        with pytest.raises(EgressError) as caught:
            await client.request("POST", backend.url, body=b"{}", allow=LOOPBACK)
        assert len(backend.received) == 1
    assert caught.value.kind is EgressErrorKind.RESET


async def test_a_body_that_we_cut_off_for_its_slowness_is_no_answer(client: EgressClient) -> None:
    async with hostile_backend(dripping_until_it_hangs_up) as backend:
        with pytest.raises(EgressError) as caught:
            await client.request("GET", backend.url, limits=Limits(total_s=0.2), allow=LOOPBACK)
    assert (caught.value.kind, caught.value.request_sent) == (EgressErrorKind.TIMEOUT, True)


async def test_a_connection_is_not_kept_while_it_still_holds_a_part_of_the_request(
    client: EgressClient,
) -> None:
    async with impatient_backend() as (port, heads):
        for calls in (1, 2):
            reply = await client.request(
                "POST", f"http://127.0.0.1:{port}/", body=bytes(20_000_000), allow=LOOPBACK
            )
            assert reply.status == 413
            assert len(heads) == calls


async def test_a_cancelled_call_leaves_no_answer_for_the_next(client: EgressClient) -> None:
    async with hostile_backend(silent) as backend:
        call = asyncio.create_task(client.request("POST", backend.url, body=b"{}", allow=LOOPBACK))
        while not backend.received:
            await asyncio.sleep(0.001)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        backend.behave = well_behaved
        await client.request("POST", backend.url, body=b"{}", allow=LOOPBACK)
        assert backend.connections == 2
