"""The outgoing client against backends that behave badly, over real loopback sockets."""

import errno
import gc
import socket
import ssl
import traceback
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.channel.http import EgressError, EgressErrorKind, HttpClient, IPNetwork, Limits
from gateway.egress.client import EgressClient
from tests.peers.hostile_backend import (
    Behaviour,
    Exchange,
    FlippingResolver,
    answering,
    dripping_body,
    dripping_headers,
    endless_body,
    endless_continue,
    endless_header,
    endless_headers,
    garbage_chunks,
    garbage_gzip,
    garbage_status_line,
    gzip_bomb,
    hanging_up_mid_body,
    hostile_backend,
    redirecting,
    resetting_at_once,
    resetting_mid_body,
    silent,
    well_behaved,
)

LOOPBACK: tuple[IPNetwork, ...] = (ip_network("127.0.0.0/8"),)
SHORT = Limits(connect_s=2.0, total_s=0.4)
KIB = 1024


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    async with EgressClient() as client:
        yield client


async def failure(
    client: HttpClient,
    url: str,
    *,
    limits: Limits = SHORT,
    allow: tuple[IPNetwork, ...] = LOOPBACK,
) -> EgressError:
    with pytest.raises(EgressError) as caught:
        await client.request("POST", url, body=b"{}", limits=limits, allow=allow)
    return caught.value


async def test_a_good_backend_gets_exactly_what_was_sent_and_its_answer_comes_back(
    client: EgressClient,
) -> None:
    behave = answering(201, headers={"X-Case": "7", "X-Twice": "a"}, body="已受理".encode())
    async with hostile_backend(behave) as backend:
        reply = await client.request(
            "POST",
            f"{backend.url}?a=%2F&b=c+d",
            headers={"Content-Type": "application/json", "X-Key": "k"},
            body=b'{"a":1}',
            allow=LOOPBACK,
        )
    assert (reply.status, reply.body.decode(), reply.truncated) == (201, "已受理", False)
    assert reply.headers["x-case"] == "7"
    assert reply.elapsed >= 0
    [request] = backend.received
    assert (request.method, request.target) == ("POST", "/hook?a=%2F&b=c+d")
    assert request.body == b'{"a":1}'
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-key"] == "k"
    assert request.headers["user-agent"] == "hotline-gateway"


async def test_repeated_and_unreadable_headers_become_plain_text(client: EgressClient) -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.write(
            b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nX-Bad: \xff\xfe\r\nContent-Length: 0\r\n\r\n"
        )

    async with hostile_backend(behave) as backend:
        reply = await client.request("GET", backend.url, allow=LOOPBACK)
    assert reply.headers["x-a"] == "1, 2"
    assert reply.headers["x-bad"] == "\ufffd\ufffd"


@pytest.mark.parametrize("status", [200, 204, 400, 404, 410, 429, 500, 503])
async def test_every_status_is_an_answer_not_an_error(client: EgressClient, status: int) -> None:
    body = b"" if status == 204 else b"why"
    async with hostile_backend(answering(status, body=body)) as backend:
        reply = await client.request("POST", backend.url, body=b"{}", allow=LOOPBACK)
    assert (reply.status, reply.body) == (status, body)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_returned_and_its_target_never_called(
    client: EgressClient, status: int
) -> None:
    async with (
        hostile_backend(well_behaved) as target,
        hostile_backend(redirecting(target.url, status)) as backend,
    ):
        reply = await client.request("POST", backend.url, body=b"{}", allow=LOOPBACK)
    assert (reply.status, reply.headers["location"]) == (status, target.url)
    assert target.connections == 0


@pytest.mark.parametrize(
    ("behave", "kind"),
    [
        (silent, EgressErrorKind.TIMEOUT),
        (dripping_headers(), EgressErrorKind.TIMEOUT),
        (dripping_body(), EgressErrorKind.TIMEOUT),
        (endless_continue, EgressErrorKind.TIMEOUT),
        (endless_header, EgressErrorKind.TOO_LARGE),
        (endless_headers, EgressErrorKind.PROTOCOL),
        (resetting_at_once, EgressErrorKind.RESET),
        (resetting_mid_body, EgressErrorKind.RESET),
        (hanging_up_mid_body, EgressErrorKind.RESET),
        (garbage_status_line, EgressErrorKind.PROTOCOL),
        (garbage_chunks, EgressErrorKind.PROTOCOL),
        (garbage_gzip, EgressErrorKind.PROTOCOL),
    ],
)
async def test_a_bad_answer_is_one_clear_error_that_admits_the_request_went_out(
    client: EgressClient, behave: Behaviour, kind: EgressErrorKind
) -> None:
    async with hostile_backend(behave) as backend:
        error = await failure(client, f"{backend.url}?token=hush")
    assert error.kind is kind
    assert error.request_sent
    assert not error.ours
    assert "hush" not in "".join(traceback.format_exception(error))
    assert f"127.0.0.1:{backend.port}" in str(error)


async def test_a_request_on_a_reused_connection_also_counts_as_sent(client: EgressClient) -> None:
    async with hostile_backend(well_behaved) as backend:
        await client.request("POST", backend.url, body=b"{}", allow=LOOPBACK)
        backend.behave = resetting_at_once
        error = await failure(client, backend.url)
        assert backend.connections == 1
    assert (error.kind, error.request_sent) == (EgressErrorKind.RESET, True)


async def test_a_bad_backend_leaves_calls_to_a_good_one_alone(client: EgressClient) -> None:
    async with hostile_backend(silent) as bad, hostile_backend(well_behaved) as good:
        for _ in range(3):
            assert (await failure(client, bad.url)).kind is EgressErrorKind.TIMEOUT
            reply = await client.request("POST", good.url, body=b"{}", allow=LOOPBACK)
            assert reply.status == 200


async def test_an_endless_body_is_cut_at_the_limit_and_its_connection_dropped(
    client: EgressClient,
) -> None:
    async with hostile_backend(endless_body) as backend:
        limits = Limits(body_bytes=10_000)
        for calls in (1, 2):
            reply = await client.request("GET", backend.url, limits=limits, allow=LOOPBACK)
            assert (reply.status, reply.body, reply.truncated) == (200, b"a" * 10_000, True)
            assert backend.connections == calls


@pytest.mark.parametrize(("size", "truncated"), [(999, False), (1000, False), (1001, True)])
async def test_only_what_goes_beyond_the_limit_counts_as_truncated(
    client: EgressClient, size: int, truncated: bool
) -> None:
    async with hostile_backend(answering(200, body=b"x" * size)) as backend:
        limits = Limits(body_bytes=1000)
        reply = await client.request("GET", backend.url, limits=limits, allow=LOOPBACK)
    assert (len(reply.body), reply.truncated) == (min(size, 1000), truncated)


async def test_all_or_nothing_refuses_a_larger_answer(client: EgressClient) -> None:
    async with hostile_backend(answering(200, body=b"x" * 1001)) as backend:
        limits = Limits(body_bytes=1000, refuse_larger=True)
        error = await failure(client, backend.url, limits=limits)
    assert (error.kind, error.request_sent) == (EgressErrorKind.TOO_LARGE, True)


async def test_a_gzip_bomb_is_counted_decoded_and_never_unpacked_in_memory(
    client: EgressClient,
) -> None:
    async with hostile_backend(gzip_bomb(100 * KIB * KIB)) as backend:
        gc.collect()
        tracemalloc.start()
        try:
            reply = await client.request("GET", backend.url, allow=LOOPBACK)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert reply.body == bytes(64 * KIB)
    assert reply.truncated
    assert peak < 4 * KIB * KIB


async def test_an_honest_compressed_answer_is_decoded(client: EgressClient) -> None:
    async with hostile_backend(gzip_bomb(1000)) as backend:
        reply = await client.request("GET", backend.url, allow=LOOPBACK)
    assert (reply.body, reply.truncated) == (bytes(1000), False)


async def test_nothing_listening_is_refused_and_nothing_was_sent(client: EgressClient) -> None:
    async with hostile_backend(well_behaved) as backend:
        url = backend.url
    error = await failure(client, url)
    assert (error.kind, error.request_sent, error.ours) == (EgressErrorKind.REFUSED, False, False)


async def test_a_connection_that_is_never_accepted_times_out_before_anything_is_sent(
    client: EgressClient,
) -> None:
    # A full accept queue makes the kernel drop further SYNs: nobody answers, nobody refuses.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(address)
            limits = Limits(connect_s=0.3, total_s=5.0)
            error = await failure(client, f"http://127.0.0.1:{address[1]}/", limits=limits)
        finally:
            for each in waiting:
                each.close()
    assert (error.kind, error.request_sent) == (EgressErrorKind.TIMEOUT_CONNECT, False)


@pytest.mark.parametrize(
    ("fault", "ours"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), False),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), True),
    ],
)
async def test_a_name_that_does_not_exist_is_told_from_a_name_server_that_is_down(
    fault: OSError, ours: bool
) -> None:
    async with EgressClient(resolver=FlippingResolver(fault)) as client:
        error = await failure(client, "http://cases.example/hook")
    assert (error.kind, error.request_sent, error.ours) == (EgressErrorKind.DNS, False, ours)


async def test_running_out_of_sockets_is_our_own_fault(
    client: EgressClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("gateway.egress.client.socket.socket", exhausted)
    error = await failure(client, "http://127.0.0.1:9/")
    assert (error.kind, error.ours) == (EgressErrorKind.REFUSED, True)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]",
        "[::]", "0.0.0.0", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001",  # noqa: S104
        "127.0.0.1.", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::7f00:1]", "①②⑦.⓪.⓪.①",
        "127。0。0。1", "user@127.0.0.1",
    ],
)  # fmt: skip
async def test_no_spelling_of_loopback_is_reached_unless_listed(
    client: EgressClient, host: str
) -> None:
    async with hostile_backend(well_behaved) as backend:
        error = await failure(client, f"http://{host}:{backend.port}/", allow=())
    assert error.kind in (EgressErrorKind.BLOCKED, EgressErrorKind.PROTOCOL, EgressErrorKind.DNS)
    assert not error.request_sent
    assert backend.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_loopback_is_reached_where_it_is_listed(client: EgressClient, host: str) -> None:
    async with hostile_backend(well_behaved) as backend:
        reply = await client.request("GET", f"http://{host}:{backend.port}/", allow=LOOPBACK)
    assert reply.status == 200


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "::ffff:169.254.169.254", "224.0.0.1",
     "255.255.255.255", "64:ff9b::7f00:1", "2002:7f00:1::1"],
)  # fmt: skip
async def test_metadata_and_odd_ranges_are_refused_whatever_is_listed(address: str) -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    literal = f"[{address}]" if ":" in address else address
    async with EgressClient(resolver=FlippingResolver([address])) as client:
        for host in (literal, "cases.example"):
            error = await failure(client, f"http://{host}/", allow=everything)
            assert (error.kind, error.request_sent) == (EgressErrorKind.BLOCKED, False)


async def test_a_blocked_call_says_how_to_list_the_network(client: EgressClient) -> None:
    error = await failure(client, "http://10.0.0.1:1/", allow=())
    assert error.kind is EgressErrorKind.BLOCKED
    assert error.message == "http://10.0.0.1:1: leads to 10.0.0.1, which the gateway may not call"
    assert "allow" in error.cure


async def test_a_name_that_flips_to_a_private_address_is_refused_at_connection() -> None:
    resolver = FlippingResolver(["127.0.0.1"], ["127.0.0.2"], ["10.0.0.1"])
    only_the_first: tuple[IPNetwork, ...] = (ip_network("127.0.0.1/32"),)
    async with hostile_backend(well_behaved) as backend:
        url = f"http://cases.example:{backend.port}/"
        async with EgressClient(resolver=resolver) as client:
            assert (await client.request("GET", url, allow=only_the_first)).status == 200
        for _ in range(2):
            async with EgressClient(resolver=resolver) as client:
                error = await failure(client, url, allow=only_the_first)
                assert error.kind is EgressErrorKind.BLOCKED
        assert backend.connections == 1
    assert resolver.asked == ["cases.example"] * 3


async def test_a_name_whose_every_address_is_refused_is_blocked() -> None:
    resolver = FlippingResolver(["127.0.0.1", "::1", "10.0.0.1", "fe80::1", "169.254.169.254"])
    async with hostile_backend(well_behaved) as backend, EgressClient(resolver=resolver) as client:
        error = await failure(client, f"http://cases.example:{backend.port}/", allow=())
        assert backend.connections == 0
    assert error.kind is EgressErrorKind.BLOCKED


async def test_of_several_addresses_only_a_permitted_one_is_connected_to() -> None:
    resolver = FlippingResolver(["127.0.0.1", "::1", "127.0.0.2"])
    async with (
        hostile_backend(well_behaved) as unlisted,
        hostile_backend(well_behaved, host="127.0.0.2", port=unlisted.port) as listed,
        EgressClient(resolver=resolver) as client,
    ):
        url = f"http://cases.example:{listed.port}/"
        reply = await client.request("GET", url, allow=(ip_network("127.0.0.2/32"),))
        assert reply.status == 200
        assert (unlisted.connections, listed.connections) == (0, 1)


async def test_a_connection_made_under_one_list_is_never_used_under_a_narrower_one(
    client: EgressClient,
) -> None:
    async with hostile_backend(well_behaved) as backend:
        for _ in range(3):
            await client.request("GET", backend.url, allow=LOOPBACK)
        assert backend.connections == 1, "the pool is meant to be used"
        for narrower in ((), (ip_network("127.0.0.2/32"),), (ip_network("10.0.0.0/8"),)):
            error = await failure(client, backend.url, allow=narrower)
            assert error.kind is EgressErrorKind.BLOCKED
        await client.request("GET", backend.url, allow=LOOPBACK)
        assert backend.connections == 1
        assert len(backend.received) == 4


async def test_the_same_networks_in_another_order_share_their_connections(
    client: EgressClient,
) -> None:
    ten, loopback = ip_network("10.0.0.0/8"), LOOPBACK[0]
    async with hostile_backend(well_behaved) as backend:
        await client.request("GET", backend.url, allow=(ten, loopback))
        await client.request("GET", backend.url, allow=(loopback, ten, ten))
        assert backend.connections == 1


async def test_proxy_variables_and_netrc_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password hush\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with hostile_backend(answering(418)) as proxy, hostile_backend(well_behaved) as backend:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        async with EgressClient() as client:
            reply = await client.request("GET", backend.url, allow=LOOPBACK)
        assert reply.status == 200
        assert proxy.connections == 0
    assert "authorization" not in backend.received[0].headers


async def test_cookies_are_not_kept(client: EgressClient) -> None:
    behave = answering(200, headers={"Set-Cookie": "a=b; Path=/"})
    async with hostile_backend(behave) as backend:
        for _ in range(2):
            await client.request("GET", backend.url, allow=LOOPBACK)
    assert all("cookie" not in request.headers for request in backend.received)


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher", "ws", "unix", "data", ""])
async def test_only_http_and_https_are_called(client: EgressClient, scheme: str) -> None:
    error = await failure(client, f"{scheme}://127.0.0.1/etc/passwd")
    assert (error.kind, error.request_sent) == (EgressErrorKind.BLOCKED, False)


@pytest.mark.parametrize(
    "url",
    [
        "http://", "http:///path", "http://127.0.0.1:99999/", "http://[::1/", "http://a b/",
        "http://127.0.0.1/a\r\nX-Injected: 1", "http://127.0.0.1/a\x00b", "http://127.0.0.1:x/",
    ],
)  # fmt: skip
async def test_a_malformed_url_is_refused_before_anything_happens(
    client: EgressClient, url: str
) -> None:
    error = await failure(client, url)
    assert (error.kind, error.request_sent) == (EgressErrorKind.PROTOCOL, False)


@pytest.mark.parametrize("headers", [{"X-A": "1\r\nX-B: 2"}, {"X-A\nX-B": "1"}, {"X-A": "\0"}])
async def test_a_header_cannot_smuggle_another(
    client: EgressClient, headers: dict[str, str]
) -> None:
    async with hostile_backend(well_behaved) as backend:
        with pytest.raises(EgressError) as caught:
            await client.request("GET", backend.url, headers=headers, allow=LOOPBACK)
        assert backend.connections == 0
    assert caught.value.kind is EgressErrorKind.PROTOCOL


async def test_a_closed_client_refuses_further_calls() -> None:
    client = EgressClient()
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await client.request("GET", "http://127.0.0.1/", allow=LOOPBACK)


async def test_an_untrusted_certificate_stops_the_call_before_anything_is_sent(
    client: EgressClient, tmp_path: Path
) -> None:
    server_tls, client_tls = certificates(tmp_path)
    async with hostile_backend(well_behaved, tls=server_tls) as backend:
        error = await failure(client, backend.url, limits=Limits())
        assert (error.kind, error.request_sent) == (EgressErrorKind.TLS, False)
        assert error.message.endswith("self-signed certificate")
        assert backend.received == []
        async with EgressClient(tls=client_tls) as trusting:
            assert (await trusting.request("GET", backend.url, allow=LOOPBACK)).status == 200


@pytest.mark.parametrize("behave", [silent, dripping_body()])
async def test_the_time_limit_holds_inside_tls(tmp_path: Path, behave: Behaviour) -> None:
    server_tls, client_tls = certificates(tmp_path)
    async with (
        hostile_backend(behave, tls=server_tls) as backend,
        EgressClient(tls=client_tls) as client,
    ):
        error = await failure(client, backend.url)
        assert (error.kind, error.request_sent) == (EgressErrorKind.TIMEOUT, True)
        backend.behave = well_behaved
        assert (await client.request("GET", backend.url, allow=LOOPBACK)).status == 200
        assert backend.connections == 2


async def test_plain_http_where_tls_is_expected_is_a_tls_error(client: EgressClient) -> None:
    async with hostile_backend(garbage_status_line) as backend:
        url = backend.url.replace("http:", "https:")
        # The backend reads a ClientHello as a request that never ends; it is cut by hanging up.
        error = await failure(client, url, limits=Limits(connect_s=0.3, total_s=5.0))
    assert error.kind in (EgressErrorKind.TLS, EgressErrorKind.TIMEOUT_CONNECT)
    assert not error.request_sent


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a self-signed certificate for 127.0.0.1; return a server's and a client's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hostile backend")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = folder / "backend.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(pem)
    return server_tls, ssl.create_default_context(cafile=str(pem))
