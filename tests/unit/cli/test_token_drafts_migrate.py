"""Tokens, drafts and migrations from the command line, also beside a running gateway."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.store import audit, tokens
from gateway.store.opening import open_store
from tests.contract.kit.office import Office, open_office
from tests.integration.intake.conftest import text

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A small configuration with an embedded store."""
    path = tmp_path / "hotline.yaml"
    path.write_text(
        "site: {name: 热线, jurisdiction: '370100', public_url: 'https://hotline.example'}\n"
        f"store: {{url: 'sqlite:///{tmp_path}/hotline.db'}}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def cli(config: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command line and return its exit code and what it printed."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--config", str(config)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[Office]:
    """A gateway process that holds the store."""
    async with open_office(f"sqlite:///{tmp_path}/hotline.db") as office:
        yield office


def test_a_token_is_shown_once_and_listed_without_its_secret(cli: Cli) -> None:
    code, made, _ = cli("token", "create", "--scope", "drafts:read,feed:read", "--label", "console")
    assert code == 0
    token_id = tokens.id_in(made.strip())
    assert token_id
    _, listed, _ = cli("token", "list")
    assert "drafts:read,feed:read  console" in listed
    assert made.strip().partition(f"{token_id}_")[2] not in listed
    assert token_id in listed


def test_a_token_is_revoked_by_its_id_or_by_itself(cli: Cli) -> None:
    _, made, _ = cli("token", "create", "--scope", "admin", "--label", "a")
    assert cli("token", "revoke", made.strip())[0] == 0
    assert "revoked" in cli("token", "list")[1]
    code, _, wrong = cli("token", "revoke", "nonsense")
    assert (code, wrong.count("\n")) == (2, 1)
    assert "no token" in wrong


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scope", "everything", "--label", "a"), "choose from drafts:read"),
        (("--scope", "admin", "--label", "a/b"), "label"),
        (("--scope", "admin", "--label", ""), "label"),
        (("--scope", "admin", "--label", "x" * 41), "label"),
        (("--label", "a"), "--scope"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(
    cli: Cli, words: tuple[str, ...], said: str
) -> None:
    code, out, wrong = cli("token", "create", *words)
    assert (code, out) == (2, "")
    assert said in wrong
    assert "Traceback" not in wrong


async def test_a_running_gateway_sees_a_token_that_is_made_beside_it(
    cli: Cli, tmp_path: Path
) -> None:
    async with running(tmp_path) as office:
        code, made, wrong = await asyncio.to_thread(
            cli, "token", "create", "--scope", "admin", "--label", "beside"
        )
        assert (code, wrong) == (0, "")
        token = await office.store.read(lambda c: tokens.check(c, made.strip()))
        assert token is not None
        trail = await office.store.read(lambda c: audit.about(c, token.token_id))
        assert [(one.actor, one.action) for one in trail] == [("cli", "token.created")]


async def test_drafts_are_shown_while_the_gateway_runs(cli: Cli, tmp_path: Path) -> None:
    async with running(tmp_path) as office:
        await office.hears(text("解放路的路灯\n坏了三天", "m1"))
        draft = await office.only_draft()
        _, listed, _ = await asyncio.to_thread(cli, "drafts", "list")
        assert draft.receipt_no in listed
        assert "解放路的路灯 坏了三天" in listed
        for name in (draft.draft_id, draft.receipt_no):
            _, shown, _ = await asyncio.to_thread(cli, "drafts", "show", name)
            assert json.loads(shown)["draft_id"] == draft.draft_id
        _, history, _ = await asyncio.to_thread(cli, "drafts", "show", draft.draft_id, "--history")
        assert re.match(r" +1 .*\*", history)
        _, words, _ = await asyncio.to_thread(cli, "drafts", "show", draft.draft_id, "--words")
        assert "诉求 request: 解放路的路灯 坏了三天" in words
        _, exported, _ = await asyncio.to_thread(cli, "drafts", "export", "--state", "collecting")
        assert [json.loads(line)["draft_id"] for line in exported.splitlines()] == [draft.draft_id]
        assert (await asyncio.to_thread(cli, "drafts", "export", "--state", "queued"))[1] == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nobody"), "there is no draft nobody"),
        (("list", "--state", "asleep"), "choose from collecting"),
        (("list", "--limit", "0"), "--limit"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(
    cli: Cli, words: tuple[str, ...], said: str
) -> None:
    code, out, wrong = cli("drafts", *words)
    assert (code, out) == (2, "")
    assert said in wrong
    assert wrong.count("\n") == 1


def test_migrating_tells_the_schema_there_is_now(cli: Cli) -> None:
    code, said, _ = cli("migrate")
    assert code == 0
    assert "has schema 0002" in said
    assert cli("migrate")[1] == said


async def test_a_database_in_use_is_not_migrated(cli: Cli, tmp_path: Path) -> None:
    async with running(tmp_path):
        code, _, wrong = await asyncio.to_thread(cli, "migrate")
    assert code == 2
    assert "used by another gateway process" in wrong


async def test_a_file_that_is_no_database_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "hotline.db").write_text("not a database, but long enough to be looked at" * 20)
    code, _, wrong = await asyncio.to_thread(cli, "drafts", "list")
    assert code == 2
    assert "cannot be used" in wrong
    assert "Traceback" not in wrong


async def test_a_database_of_another_version_is_refused(cli: Cli, tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/hotline.db")
    await store.write(
        lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'").rowcount
    )
    await store.close()
    code, _, wrong = await asyncio.to_thread(cli, "token", "list")
    assert code == 2
    assert "newer gateway" in wrong
