"""``hotline deliveries`` and ``hotline sample-backend`` as a person runs them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import aiohttp
import pytest

from gateway.blobs import DirectoryBlobs
from gateway.cli import main
from gateway.delivery.letter import compose
from gateway.delivery.signing import Secret, secret_key
from gateway.demo.backend import SampleBackend
from gateway.demo.pages import CasePages
from gateway.domain.clock import SystemClock
from gateway.domain.draft import Request
from gateway.domain.lifecycle import State
from gateway.store import feed, tokens
from gateway.store.engine import Store
from gateway.store.opening import open_store
from gateway.store.times import to_us
from gateway.store.tokens import Scope
from gateway.web.server import listening
from gateway.web.surfaces import api
from tests.integration.delivery.world import SECRET, World, endpoint, world
from tests.peers.hostile_backend import answering, hostile_backend

CONFIG = """
site: {{name: 热线, jurisdiction: "370100", public_url: "http://127.0.0.1:12345"}}
store: {{url: "sqlite:///{folder}/hotline.db"}}
endpoints:
  - name: casework
    url: http://127.0.0.1:9/hook
    secret: "${{TEST_SECRET:-{secret}}}"
    events: ["*"]
    allow: ["127.0.0.0/8"]
"""


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """A configuration on a store with one delivered event, one dead letter and one draft."""
    path = tmp_path / "hotline.yaml"
    path.write_text(CONFIG.format(folder=tmp_path, secret=SECRET), encoding="utf-8")
    store = await open_store(f"sqlite:///{tmp_path}/hotline.db")
    async with (
        hostile_backend(answering(200)) as backend,
        world(store, endpoint(url=backend.url)) as one,
    ):
        await one.tell()
        await one.until_attempts(1)
        backend.behave = answering(422)
        await one.tell("hot_issue.warning")
        await one.until_attempts(2)
        await one.until_empty()
    await store.close()
    return path


@dataclass
class Ran:
    """What one command line printed and returned."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@pytest.fixture
def hotline(capsys: pytest.CaptureFixture[str]) -> "Hotline":
    return Hotline(capsys)


class Hotline:
    """Runs the command in a thread, as it makes its own event loop."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    async def __call__(self, *words: object) -> Ran:
        self._capsys.readouterr()
        code = await asyncio.to_thread(main, ["deliveries", *map(str, words)])
        printed = self._capsys.readouterr()
        return Ran(code, printed.out, printed.err)


async def test_looking_shows_attempts_endpoints_and_dead_letters(
    config: Path, hotline: Hotline
) -> None:
    listed = await hotline("list", "--config", config)
    assert [line.split()[4] for line in listed.lines] == ["dead", "delivered"]
    as_json = await hotline("list", "--config", config, "--json", "--limit", 1)
    (line,) = map(json.loads, as_json.lines)
    assert (line["outcome"], line["status"], line["number"]) == ("dead", 422, 1)
    endpoints = await hotline("endpoints", "--config", config)
    assert "casework  breaker closed  pending 0  dead 1  held 0" in endpoints.out
    dead = await hotline("dead", "--config", config)
    assert "hot_issue.warning" in dead.out
    assert "HTTP 422" in dead.out
    none = await hotline("list", "--config", config, "--event", "evt_none")
    assert (none.code, none.out) == (0, "nothing\n")


async def test_replay_revive_pause_and_resume_change_the_store(
    config: Path, hotline: Hotline
) -> None:
    replayed = await hotline("replay", "--config", config, "--type", "report.*")
    assert (replayed.code, replayed.out) == (0, "1 event put into the outbox again\n")
    revived = await hotline("revive", "--config", config, "--endpoint", "casework")
    assert (revived.code, revived.out) == (0, "1 dead letter revived\n")
    again = await hotline("revive", "--config", config, "--endpoint", "casework")
    assert again.code == 1
    paused = await hotline("pause", "casework", "--config", config, "--reason", "maintenance")
    assert paused.code == 0
    shown = await hotline("endpoints", "--config", config)
    assert "paused (maintenance)  pending 2  dead 0" in shown.out
    await hotline("resume", "casework", "--config", config)
    assert "breaker closed" in (await hotline("endpoints", "--config", config)).out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["replay"], "a replay of everything"),
        (["replay", "--since", "yesterday"], "is no time"),
        (["replay", "--since", "2027-01-31T08:00:00"], "no offset"),
        (["revive"], "no dead letter was named"),
        (["revive", "0"], "no number"),
        (["resume", "nobody"], "there is no endpoint nobody; configured are: casework"),
        (["list", "--limit", "0"], "no number"),
        (["list", "--url", "http://127.0.0.1:9"], "wants an API token"),
        (["list", "--url", "http://127.0.0.1:9", "--token", "t"], "was not reached"),
    ],
)
async def test_a_mistake_is_one_clear_line(
    config: Path, hotline: Hotline, words: list[str], says: str
) -> None:
    ran = await hotline(*words, "--config", config)
    assert ran.code == 2
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1


async def test_beside_a_running_gateway_looking_works_and_changing_says_how(
    config: Path, hotline: Hotline, tmp_path: Path
) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/hotline.db")
    assert len((await hotline("dead", "--config", config)).lines) == 1
    refused = await hotline("revive", "--config", config, "--endpoint", "casework")
    await store.close()
    assert refused.code == 2
    assert "--url http://127.0.0.1:12345" in refused.err
    assert "--token" in refused.err


@asynccontextmanager
async def over_http(store: Store, tmp_path: Path) -> AsyncIterator[tuple[World, list[str]]]:
    """A store behind the real API; gives the options that lead there."""
    secret, token_id = tokens.new_secret(), "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    blobs = DirectoryBlobs(tmp_path / "blobs")
    await blobs.open()
    mine = endpoint()
    async with world(store, mine, working=False) as one:
        await store.write(
            lambda c: tokens.create(
                c,
                token_id=token_id,
                secret=secret,
                label="test",
                scopes=[Scope.DELIVERIES_READ, Scope.DELIVERIES_WRITE],
                now=to_us(one.clock.now()),
                actor="test",
            )
        )
        surface = api(
            one.ledgers,
            None,  # type: ignore[arg-type]
            (),
            endpoints=(mine,),
            blobs=blobs,
            note=one.note,
            read_timeout_s=5,
            live=None,  # type: ignore[arg-type]
        )
        async with listening(surface.routes(), "127.0.0.1", 0) as port:
            url = f"http://127.0.0.1:{port}"
            yield one, ["--url", url, "--token", tokens.text_of(token_id, secret)]


async def test_over_the_api_of_a_running_gateway_everything_works_as_well(
    config: Path, hotline: Hotline, tmp_path: Path
) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/hotline.db")
    async with over_http(store, tmp_path) as (_, there):
        listed = await hotline("list", *there)
        assert [line.split()[4] for line in listed.lines] == ["dead", "delivered"], listed.err
        assert len((await hotline("dead", *there)).lines) == 1
        replayed = await hotline("replay", *there, "--type", "report.*", "--json")
        assert json.loads(replayed.out) == {"deliveries": 1}
        revived = await hotline("revive", *there, "--endpoint", "casework")
        assert revived.out == "1 dead letter revived\n"
        await hotline("pause", "casework", *there, "--reason", "maintenance")
        assert "paused (maintenance)" in (await hotline("endpoints", *there)).out
        await hotline("resume", "casework", *there)
        assert "breaker closed" in (await hotline("endpoints", *there)).out
        refused = await hotline("list", *there[:-1], "hlt_nonsense")
        assert (refused.code, "401" in refused.err) == (2, True)
        unknown = await hotline("resume", "nobody", *there)
        assert (unknown.code, "404" in unknown.err) == (2, True)
    await store.close()


async def test_the_sample_backend_opens_one_case_a_draft_and_handles_each_event_once(
    store: Store,
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway.cli", "sample-backend", "--port", "0", "--secret", SECRET),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    ready = (await process.stdout.readline()).decode()
    url = ready.removeprefix("ready ").strip()
    try:
        async with world(store, endpoint(url=f"{url}/hook")) as one:
            one.clock.at = SystemClock().now()
            draft_id = await one.forward()

            async def there() -> bool:
                return (await one.draft(draft_id)).state is State.FORWARDED

            await one.until(there)
            await one.until_empty()
            await one.office.replay(actor="test", draft_id=draft_id)
            await one.until_attempts(8)
            await one.until_empty()
            draft = await one.draft(draft_id)
            assert draft.backend_refs is not None
            assert draft.backend_refs[0].external_id == "WO-000001"
            async with aiohttp.ClientSession() as session:
                async with session.get(url) as response:
                    page = await response.text()
                async with session.post(f"{url}/hook", data=b"{}") as response:
                    assert response.status == 401
            assert draft.receipt_no in page
            assert "forwarded" in page
            assert page.count("<tr id=") == 1
    finally:
        process.send_signal(signal.SIGTERM)
        rest = (await process.stdout.read()).decode()
        assert await process.wait() == 0
    assert rest.splitlines() == [f"WO-000001  {draft.receipt_no}  sms"]


async def test_the_sample_backend_shows_a_citizens_words_harmlessly(store: Store) -> None:
    clock = SystemClock()
    backend = SampleBackend(endpoint(), clock=clock, pages=CasePages(UTC))
    async with world(store, working=False) as one:
        request = Request(type="complaint", title="<script>", content="a & b")
        draft_id = await one.open_draft(state=State.QUEUED, request=request)
        await one.move(draft_id, State.READY)
        told, _, _ = await store.read(lambda c: feed.after(c, 0, limit=10))
    async with backend.serving("127.0.0.1", 0) as url, aiohttp.ClientSession() as session:
        for event in (*told, *told):
            letter = compose(event, secrets=[Secret(key=secret_key(SECRET))], sent_at=clock.now())
            await session.post(f"{url}/hook", data=letter.body, headers=letter.headers)
        async with session.get(url) as response:
            page = await response.text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert backend.repeated == 2
    assert len(list(backend.cases)) == 1


async def test_a_taken_port_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    async with hostile_backend(answering(200)) as backend:
        words = ["sample-backend", "--port", str(backend.port)]
        assert await asyncio.to_thread(main, words) == 2
    said = capsys.readouterr().err
    assert f"port {backend.port}" in said
    assert "--port" in said
    assert os.linesep not in said.strip()
