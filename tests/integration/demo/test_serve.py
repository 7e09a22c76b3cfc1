"""``hotline serve`` with the demo configuration: what is printed, and what is refused how."""

import signal
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.demo.program import (
    Ports,
    demo_config,
    hotline,
    running,
    shown,
    until_shown,
)


@pytest.fixture
def ports() -> Ports:
    return Ports.free()


@pytest.fixture
def config(tmp_path: Path, ports: Ports) -> Path:
    """As shipped, but quick to start: it cannot hear."""
    path = demo_config(tmp_path, ports)
    path.write_text(path.read_text("utf-8") + "\nspeech: {model: null}\n", "utf-8")
    return path


@pytest.fixture
def serve(config: Path, ports: Ports, tmp_path: Path) -> list[str]:
    """The command line."""
    data = str(tmp_path / "data")
    return ["serve", "--config", str(config), "--port", str(ports.gateway), "--data", data]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def refusal(*arguments: str) -> str:
    """The one line with which a command line is refused."""
    done = hotline(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    # The log may stand above it.
    (line,) = (one for one in done.stderr.splitlines() if one.startswith("hotline: "))
    assert "Traceback" not in done.stderr
    return line


def test_it_says_ready_what_to_try_and_ends_well_when_told_to(
    serve: list[str], ports: Ports
) -> None:
    with running(*serve) as gateway:
        gateway.until("Ctrl-C stops it")
        url = f"http://127.0.0.1:{ports.gateway}"
        assert f"ready {url}" in gateway.lines
        said = "\n".join(gateway.lines)
        assert f"{url}/report" in said
        assert f"http://127.0.0.1:{ports.backend}/" in said
        assert "simulate call --wav config/demo/callers/zh1.wav" in said
        assert '"status": "ok"' in shown(f"{url}/readyz")
        assert gateway.end() == 0


def test_ctrl_c_ends_it_well_too(serve: list[str]) -> None:
    with running(*serve) as gateway:
        gateway.until("Ctrl-C stops it")
        gateway.process.send_signal(signal.SIGINT)
        assert gateway.process.wait(30) == 0


def test_contacts_become_cases_which_are_there_after_a_restart(
    serve: list[str], ports: Ports, config: Path
) -> None:
    url = f"http://127.0.0.1:{ports.gateway}"
    backend = f"http://127.0.0.1:{ports.backend}/"
    where = ["--url", url, "--config", str(config)]
    with running(*serve) as gateway:
        gateway.until("ready ")
        assert hotline("simulate", "sms", "--text", "路灯不亮了", *where).returncode == 0
        assert hotline("simulate", "web", "--text", "建议增设减速带", *where).returncode == 0
        page = until_shown(backend, "forwarded", times=2)
        assert page.count(">WO-") == 2
        assert "路灯不亮了" in page
        assert "受理编号" in until_shown(f"http://127.0.0.1:{ports.sms}/", "+8613800138000")
        assert "建议增设减速带" in shown(f"{backend}cases/WO-000001") + shown(
            f"{backend}cases/WO-000002"
        )
        assert gateway.end() == 0
    with running(*serve) as gateway:
        gateway.until("ready ")
        assert shown(backend).count(">WO-") == 2
        assert gateway.end() == 0


def test_a_port_in_use_is_one_line_with_the_cure(serve: list[str], taken: int) -> None:
    assert refusal(*serve, "--port", str(taken)) == (
        f"hotline: port {taken} on 127.0.0.1 is in use; "
        "stop what uses it or choose another with --port"
    )


def test_a_gateway_starts_although_its_sample_backend_cannot(
    serve: list[str], config: Path, ports: Ports, taken: int
) -> None:
    config.write_text(config.read_text("utf-8").replace(str(ports.backend), str(taken)), "utf-8")
    with running(*serve) as gateway:
        gateway.until("ready ")
        assert gateway.lines[0] == (
            f"hotline: the sample backend is not started: 127.0.0.1:{taken} is in use; "
            "stop what listens there, or give it another port in the configuration"
        )
        assert gateway.end() == 0


def test_a_missing_secret_is_named(serve: list[str], config: Path) -> None:
    text = config.read_text("utf-8")
    config.write_text(text.replace("${HOTLINE_DEMO_AUTH_TOKEN:-demo-only}", "${NO_SUCH_TOKEN}", 1))
    line = refusal(*serve)
    assert "auth_token" in line
    assert "NO_SUCH_TOKEN" in line


def test_a_database_of_another_version_is_named(serve: list[str], tmp_path: Path) -> None:
    with running(*serve) as gateway:
        gateway.until("ready ")
        assert gateway.end() == 0
    with sqlite3.connect(tmp_path / "data" / "hotline.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "9999" in refusal(*serve)


def test_a_store_that_cannot_be_reached_is_named(serve: list[str], config: Path) -> None:
    text = config.read_text("utf-8")
    unreachable = "postgresql://hotline@127.0.0.1:9/hotline"
    config.write_text(text.replace("sqlite:///data/hotline.db", unreachable), "utf-8")
    line = refusal(*serve)
    assert "127.0.0.1:9" in line or "PostgreSQL" in line


def test_a_sample_backend_for_no_endpoint_is_refused(serve: list[str], config: Path) -> None:
    config.write_text(config.read_text("utf-8").replace("backend: casework", "backend: nobody"))
    assert "demo.backend names no endpoint" in refusal(*serve)


def test_a_sample_backend_elsewhere_is_refused(
    serve: list[str], config: Path, ports: Ports
) -> None:
    text = config.read_text("utf-8")
    config.write_text(text.replace(f"127.0.0.1:{ports.backend}/hook", "cases.example:80/hook"))
    assert "demo.backend is not on this machine" in refusal(*serve)
