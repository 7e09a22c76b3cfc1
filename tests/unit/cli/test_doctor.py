"""The doctor says of each thing whether it works, and what to do; it changes nothing."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import web

from gateway import cli
from gateway.channel.discovery import discover
from gateway.channel.http import EgressError, EgressErrorKind, EgressReply, IPNetwork, Limits
from gateway.cli import _flows, _machine, _reach
from gateway.cli._finding import Finding, Verdict, examined, failed, ok
from gateway.cli._watch import Watch
from gateway.cli.doctor import examine
from gateway.config import Config, load
from gateway.domain.errors import GatewayError
from gateway.domain.schema import work_order_draft_schema
from gateway.speech import loading
from gateway.store.opening import open_store
from tests.peers.ports import free_port

SID = "AC" + "0" * 32
TOKEN = "a-token-nobody-may-see"
ENVIRONMENT = {"TOKEN": TOKEN, "SECRET": "whsec_ZGVtby1vbmx5LWRlbW8tb25seS1kZW1vLW9ubHkh"}
SITE = 'site: {name: Test, jurisdiction: "370100", public_url: "%s"}\n'


def configuration(folder: Path, text: str = "", public_url: str = "http://127.0.0.1:9") -> Config:
    file = folder / "hotline.yaml"
    file.write_text(SITE % public_url + text, encoding="utf-8")
    kinds = {kind: channel.settings for kind, channel in discover().items()}
    return load(file, channel_settings=kinds, env=ENVIRONMENT, data=folder / "data")


def voice(flow: str) -> str:
    return (
        "channels:\n"
        f"  - {{kind: voice, account: main, provider: twiml, account_sid: {SID},\n"
        f'     auth_token: "${{TOKEN}}", flow: {flow}}}\n'
    )


def small_flow(folder: Path, years: str) -> str:
    """A flow whose calendar knows these years alone."""
    (folder / "cn.yaml").write_text(f"calendar: cn\ntimezone: Asia/Shanghai\nyears: {years}\n")
    path = folder / "flow.yaml"
    path.write_text(
        "flow: small\nlanguages: [zh]\nstart: a\nperson: bye\nway_out: bye\nfarewell: thanks\n"
        "calendars: {cn: cn.yaml}\nhours: {desk: {calendar: cn, workday: '09:00-17:00'}}\nnodes:\n"
        "  a: {kind: route, rules: [{when: {closed: desk}, to: bye}], otherwise: bye}\n"
        "  bye: {kind: hangup, prompts: thanks}\n",
        "utf-8",
    )
    return str(path)


def test_a_calendar_that_ends_before_this_year_is_a_warning(tmp_path: Path) -> None:
    config = configuration(tmp_path, voice(small_flow(tmp_path, "{}")))
    (found,) = _flows.years(config)
    assert found.verdict is Verdict.WARNING
    assert "weekends only" in found.what
    known = f"{{'{datetime.now(UTC).astimezone(config.site.timezone).year}': {{}}}}"
    small_flow(tmp_path, known)
    assert [one.verdict for one in _flows.years(config)] == [Verdict.OK]


def test_without_a_telephone_no_calendar_is_looked_at(tmp_path: Path) -> None:
    assert _flows.years(configuration(tmp_path)) == []


def test_check_examines_the_flows_that_accounts_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", TOKEN)
    flow = small_flow(tmp_path, "{}")
    with Path(flow).open("a", encoding="utf-8") as file:
        file.write("  lost: {kind: hangup, prompts: thanks}\n")
    configuration(tmp_path, voice(flow))
    assert cli.main(["check", "--config", str(tmp_path / "hotline.yaml")]) == 2
    told = capsys.readouterr().out
    assert f"{flow}:" in told
    assert "is never reached" in told


def sms(port: int) -> str:
    return (
        "channels:\n"
        f"  - {{kind: sms, account: main, provider: twilio, account_sid: {SID},\n"
        f'     auth_token: "${{TOKEN}}", number: "+15005550006",\n'
        f'     base_url: "http://127.0.0.1:{port}"}}\n'
    )


def receiver(port: int, *, allow: str = "") -> str:
    text = f'name: casework, url: "http://127.0.0.1:{port}/hook", secret: "${{SECRET}}"'
    return f"endpoints:\n  - {{{text}{', allow: [' + allow + ']' if allow else ''}}}\n"


Answer = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[int]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def answering(
    status: int = 200, body: str = "", headers: Mapping[str, str] | None = None
) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers=headers)

    return answer


async def found(config: Config, about: str, *, port: int | None = None) -> Finding:
    findings = [one async for one in examine(config, discover(), "127.0.0.1", port or free_port())]
    (wanted,) = [one for one in findings if one.about == about]
    return wanted


def test_a_place_where_nothing_has_run_yet_is_fine_and_stays_untouched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration(tmp_path)
    words = ["doctor", "--config", f"{tmp_path}/hotline.yaml", "--data", "x"]
    assert cli.main([*words, "--port", str(free_port())]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "ok: store: x/hotline.db will be made at the first start" in lines
    assert all(line.startswith(("ok: ", "warning: ")) for line in lines)
    assert [path.name for path in tmp_path.iterdir()] == ["hotline.yaml"]
    assert not Path("x").exists()


def test_one_json_object_says_the_same_and_a_failure_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", ENVIRONMENT["SECRET"])
    configuration(tmp_path, receiver(free_port()))
    assert cli.main(["doctor", "--json", "--config", f"{tmp_path}/hotline.yaml"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    (casework,) = [one for one in document["findings"] if one["about"] == "endpoint casework"]
    assert casework["verdict"] == "failed"
    assert casework["cure"]


def test_a_configuration_that_is_wrong_is_reported_as_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hotline.yaml").write_text("sight: {}\n", encoding="utf-8")
    assert cli.main(["doctor", "--config", f"{tmp_path}/hotline.yaml"]) == 2
    assert "did you mean site?" in capsys.readouterr().err


async def test_wrong_credentials_are_said_in_words_and_never_shown(tmp_path: Path) -> None:
    async with server(answering(401)) as port:
        finding = await found(configuration(tmp_path, sms(port)), "channel sms/main")
    assert finding.verdict is Verdict.FAILED
    assert "refuses our credentials" in finding.what
    assert "auth_token" in finding.cure
    assert TOKEN not in str(finding)


async def test_right_credentials_are_fine(tmp_path: Path) -> None:
    async with server(answering()) as port:
        finding = await found(configuration(tmp_path, sms(port)), "channel sms/main")
    assert finding == ok("channel sms/main", "the provider knows us")


async def test_a_stand_in_that_is_not_running_is_no_failure(tmp_path: Path) -> None:
    config = configuration(tmp_path, sms(free_port()) + "demo: {carriers: true}\n")
    assert (await found(config, "channel sms/main")).verdict is Verdict.WARNING


async def test_an_account_that_cannot_be_built_is_one_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise GatewayError("no prompts", "restore them")

    monkeypatch.setattr(_reach, "_built", refuses)
    finding = await found(configuration(tmp_path, sms(1)), "channel sms/main")
    assert finding == failed("channel sms/main", "no prompts", "restore them")


async def test_a_blocked_address_names_the_key_that_allows_it(tmp_path: Path) -> None:
    async with server(answering()) as port:
        blocked = await found(configuration(tmp_path, receiver(port)), "endpoint casework")
        allowed = await found(
            configuration(tmp_path, receiver(port, allow='"127.0.0.0/8"')), "endpoint casework"
        )
    assert blocked.verdict is Verdict.FAILED
    assert "127.0.0.1, which the gateway may not call" in blocked.what
    assert "`allow` of endpoint casework" in blocked.cure
    assert allowed.verdict is Verdict.OK


@pytest.mark.parametrize(("status", "verdict"), [(405, "ok"), (404, "ok"), (503, "warning")])
async def test_a_receiver_need_not_like_the_question(
    tmp_path: Path, status: int, verdict: str
) -> None:
    async with server(answering(status)) as port:
        config = configuration(tmp_path, receiver(port, allow='"127.0.0.1"'))
        assert (await found(config, "endpoint casework")).verdict == verdict


async def test_a_public_url_that_leads_to_a_gateway_is_fine(tmp_path: Path) -> None:
    async with server(answering(body=json.dumps(work_order_draft_schema()))) as port:
        url = f"http://127.0.0.1:{port}"
        finding = await found(configuration(tmp_path, public_url=url), "public URL")
    assert finding == ok("public URL", f"{url} leads to a gateway")


@pytest.mark.parametrize("body", ["<p>Welcome to nginx!</p>", "[]", "{}", ""])
async def test_a_public_url_that_leads_elsewhere_is_a_warning(tmp_path: Path, body: str) -> None:
    async with server(answering(body=body)) as port:
        config = configuration(tmp_path, public_url=f"http://127.0.0.1:{port}")
        finding = await found(config, "public URL")
    assert finding.verdict is Verdict.WARNING
    assert "not as a gateway" in finding.what


async def test_the_port_of_a_running_gateway_is_ours(tmp_path: Path) -> None:
    async with server(answering(body='{"status": "ok"}')) as port:
        about = f"port {port} on 127.0.0.1"
        finding = await found(configuration(tmp_path), about, port=port)
    assert finding == ok(about, "a gateway is listening")


async def test_the_port_of_another_program_is_a_failure(tmp_path: Path) -> None:
    async with server(answering(body="something else")) as port:
        about = f"port {port} on 127.0.0.1"
        finding = await found(configuration(tmp_path), about, port=port)
    assert finding.verdict is Verdict.FAILED
    assert "--port" in finding.cure


async def test_the_port_for_metrics_is_examined_too(tmp_path: Path) -> None:
    async with server(answering(body="something else")) as port:
        config = configuration(tmp_path, f'admin: {{listen: "127.0.0.1:{port}"}}\n')
        finding = await found(config, f"port {port} on 127.0.0.1")
    assert finding.verdict is Verdict.FAILED


async def test_an_address_of_another_machine_cannot_be_listened_on(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    findings = [one async for one in examine(config, discover(), "192.0.2.1", 20001)]
    (port,) = [one for one in findings if one.about.startswith("port ")]
    assert port.verdict is Verdict.FAILED
    assert "cannot be opened" in port.what


async def test_a_store_in_use_by_a_gateway_is_fine(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    store = await open_store(config.store.url)
    running = await found(config, "store")
    await store.close()
    stopped = await found(config, "store")
    assert running.verdict is Verdict.OK
    assert running.what.endswith("schema 0002, in use by a running gateway")
    assert stopped.what.endswith("not in use")


async def test_a_store_of_another_version_says_how_to_go_on(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    store = await open_store(config.store.url)
    await store.write(
        lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num='0'")
    )
    await store.close()
    finding = await found(config, "store")
    assert finding.verdict is Verdict.FAILED
    assert finding.cure


async def test_a_file_that_is_no_database_is_one_finding(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hotline.db").write_bytes(b"not a database" * 99)
    assert (await found(config, "store")).verdict is Verdict.FAILED


async def test_servers_that_are_not_there_are_failures_without_their_passwords(
    tmp_path: Path,
) -> None:
    text = (
        f'store: {{url: "postgresql://hotline:${{TOKEN}}@127.0.0.1:{free_port()}/hotline"}}\n'
        f'redis: {{url: "redis://:${{TOKEN}}@127.0.0.1:{free_port()}/0"}}\n'
    )
    config = configuration(tmp_path, text)
    findings = [one async for one in examine(config, discover(), "127.0.0.1", free_port())]
    verdicts = {one.about: one.verdict for one in findings}
    assert verdicts["store"] is verdicts["redis"] is Verdict.FAILED
    assert verdicts["secret key"] is Verdict.WARNING
    assert all(TOKEN not in str(one) for one in findings)


@pytest.mark.redis
async def test_a_redis_that_answers_is_fine(tmp_path: Path, redis_url: str) -> None:
    config = configuration(tmp_path, f'redis: {{url: "{redis_url}"}}\n')
    assert (await found(config, "redis")).verdict is Verdict.OK


@pytest.mark.postgres
async def test_an_empty_postgresql_stays_empty(tmp_path: Path, postgres_url: str) -> None:
    config = configuration(tmp_path, f'store: {{url: "{postgres_url}"}}\n')
    assert "the first start makes the tables" in (await found(config, "store")).what
    await (await open_store(postgres_url)).close()
    assert (await found(config, "store")).what == "PostgreSQL answers, schema 0002"


def test_a_key_that_others_can_read_is_a_failure(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    key = config.secret_key_file
    key.parent.mkdir()
    key.write_text("k" * 64, encoding="utf-8")
    key.chmod(0o600)
    assert _machine.secret_key(config)[0].verdict is Verdict.OK
    key.chmod(0o640)
    (finding,) = _machine.secret_key(config)
    assert finding.verdict is Verdict.FAILED
    assert finding.cure == f"run: chmod 600 {key}"
    key.chmod(0o600)
    key.write_text("short", encoding="utf-8")
    assert _machine.secret_key(config)[0].verdict is Verdict.FAILED


def test_folders_that_cannot_be_written_are_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(**_: object) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    findings = _machine.data_directory(configuration(tmp_path))
    assert {one.verdict for one in findings} == {Verdict.FAILED}
    assert "Read-only file system" in findings[0].what


@pytest.mark.parametrize(
    ("free", "verdict"), [(10 << 30, "ok"), (1 << 30, "warning"), (1 << 20, "failed")]
)
def test_a_disk_is_judged_by_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, verdict: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert [one.verdict for one in _machine.room(configuration(tmp_path))] == [verdict]


TELEPHONE = (
    "channels:\n"
    f"  - {{kind: voice, account: main, provider: twiml, account_sid: {SID},"
    ' auth_token: "${TOKEN}"}\n'
)


def test_a_telephone_without_its_model_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = loading.default_models_folder()
    (tmp_path / "manifest.toml").write_bytes((models / "manifest.toml").read_bytes())
    monkeypatch.setattr(loading, "default_models_folder", lambda: tmp_path)
    config = configuration(tmp_path, TELEPHONE)
    (missing,) = _machine.speech(config)
    (tmp_path / "whisper-base").mkdir()
    (damaged,) = _machine.speech(config)
    assert (missing.verdict, damaged.verdict) == (Verdict.FAILED, Verdict.FAILED)
    assert "not installed" in missing.what
    assert "damaged" in damaged.what
    assert "hotline models fetch whisper-base" in missing.cure
    (unneeded,) = _machine.speech(configuration(tmp_path))
    assert unneeded.verdict is Verdict.OK


class At:
    """A clock that stands still, and another machine whose time differs."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    def now(self) -> datetime:
        return datetime(2026, 8, 1, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limits: Limits | None = None,
        allow: tuple[IPNetwork, ...] = (),
    ) -> EgressReply:
        if "away" in url:
            raise EgressError(EgressErrorKind.REFUSED, "no connection")
        theirs = format_datetime(self.now() - timedelta(seconds=self._ahead_s), usegmt=True)
        date = {} if "undated" in url else {"date": "Tuesday" if "odd" in url else theirs}
        return EgressReply(status=200, headers=date, body=b"", truncated=False, elapsed=0.0)


@pytest.mark.parametrize(
    ("ahead_s", "verdict", "words"),
    [
        (0, "ok", "agrees"),
        (-30, "warning", "behind other machines"),
        (400.5, "failed", "400 s ahead of other machines, so signatures are refused"),
    ],
)
async def test_the_clock_is_compared_with_whoever_answers(
    ahead_s: float, verdict: str, words: str
) -> None:
    at = At(ahead_s)
    watch = Watch(at, at)
    await watch.request("GET", "https://a.example")
    (finding,) = watch.findings()
    assert finding.verdict == verdict
    assert words in finding.what


async def test_a_clock_nobody_can_vouch_for_is_a_warning() -> None:
    at = At(9999)
    watch = Watch(at, at)
    for url in ("http://127.0.0.1:80", "https://undated.example", "https://odd.example"):
        await watch.request("GET", url)
    with pytest.raises(EgressError):
        await watch.request("GET", "https://away.example")
    (finding,) = watch.findings()
    assert finding.verdict is Verdict.WARNING
    assert "cannot be checked" in finding.what


async def test_whatever_goes_wrong_in_an_examination_is_one_line_without_its_text() -> None:
    async def breaks() -> list[Finding]:
        raise RuntimeError(TOKEN)

    async def hangs() -> list[Finding]:
        await asyncio.sleep(60)
        return []

    (broken,) = await examined("it", breaks)
    (hung,) = await examined("it", hangs, limit_s=0.01)
    assert str(broken).startswith("failed: it: could not be examined (RuntimeError); ")
    assert TOKEN not in str(broken)
    assert hung.what.startswith("no answer")
