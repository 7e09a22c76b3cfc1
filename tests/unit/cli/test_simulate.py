"""``hotline simulate`` says in one line what came of a contact."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway.channel.simulation import PlacedCall
from gateway.cli import main
from gateway.cli.simulate import _told

CONFIG = """
site: {name: 热线, jurisdiction: "370100", public_url: "https://hotline.example"}
channels:
  - kind: voice
    account: demo
    account_sid: AC00000000000000000000000000000000
    auth_token: "${TOKEN:-a-demo-token}"
  - kind: sms
    account: demo
    account_sid: AC00000000000000000000000000000000
    auth_token: "${TOKEN:-a-demo-token}"
    number: "+15005550006"
  - {kind: web, account: site}
"""
CALLER = "config/demo/callers/zh1.wav"


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "hotline.yaml"
    path.write_text(CONFIG, "utf-8")
    return str(path)


class Answering(BaseHTTPRequestHandler):
    """A gateway that takes everything, and remembers where it came in."""

    status = 200
    seen: list[tuple[str, str]] = []  # noqa: RUF012 - the server makes a handler for each request

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers.get("X-Twilio-Signature", "")))
        body = b'{"receipt_no": "2611210000018"}'
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Keep quiet."""


@pytest.fixture
def gateway() -> Iterator[tuple[str, type[Answering]]]:
    handler = type("Handler", (Answering,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_text_message_is_posted_signed_to_where_the_gateway_listens(
    config: str, gateway: tuple[str, type[Answering]], capsys: pytest.CaptureFixture[str]
) -> None:
    url, handler = gateway
    assert main(["simulate", "sms", "--text", "路灯不亮", "--url", url, "--config", config]) == 0
    ((path, signature),) = handler.seen
    assert path == "/channels/sms/demo"
    assert signature
    assert "/channels/sms/demo: 200" in capsys.readouterr().out


def test_a_web_request_shows_the_receipt_number(
    config: str, gateway: tuple[str, type[Answering]], capsys: pytest.CaptureFixture[str]
) -> None:
    url, _ = gateway
    assert main(["simulate", "web", "--url", url, "--config", config]) == 0
    assert "2611210000018" in capsys.readouterr().out


def test_a_refusal_is_not_a_success(config: str, gateway: tuple[str, type[Answering]]) -> None:
    url, handler = gateway
    handler.status = 503
    assert main(["simulate", "sms", "--url", url, "--config", config]) == 1


@pytest.mark.parametrize("contact", [["sms"], ["web"], ["call", "--wav", CALLER]])
def test_a_gateway_that_is_not_there_is_told_in_one_line(
    contact: list[str], config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["simulate", *contact, "--url", "http://127.0.0.1:9", "--config", config]
    assert main(args) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "hotline serve" in line


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["sms", "--account", "other"], "--account"),
        (["call", "--wav", "missing.wav"], "missing.wav"),
        (["call"], "--wav"),
        (["call", "--wav", CALLER, "--speed", "1000"], "50"),
        (["fax"], "fax"),
    ],
)
def test_bad_input_is_told_in_one_line(
    args: list[str], hint: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = args if args == ["fax"] else [*args, "--config", config]
    assert main(["simulate", *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert hint in line


def test_what_the_caller_heard_is_told() -> None:
    number, code = "2611210000018", "204816"
    placed = PlacedCall(
        call_id="CA1", ended_by="gateway", numbers=(number, number, code), duration_ms=41_000
    )
    assert _told(placed) == [
        "call CA1: 41.0 s, ended by the gateway",
        f"receipt number heard: {number}",
        f"query code heard: {code}",
    ]
    cut_off = PlacedCall(call_id="CA1", ended_by="gateway", afterwards="record")
    assert _told(cut_off)[1:] == [
        "no receipt number was heard",
        "the carrier was asked to record the caller",
    ]
