"""A database has exactly the schema this version needs, or the gateway does not start on it."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from gateway.domain.errors import GatewayError
from gateway.store import inbound, schema
from gateway.store.engine import Store
from gateway.store.errors import StoreDown, WrongSchema
from gateway.store.opening import open_store
from gateway.store.tables import METADATA
from tests.integration.store.samples import append, arrival, message
from tests.peers.ports import free_port


async def test_the_migrations_lead_to_the_schema_the_code_uses(store: Store) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))

    assert await store.read(differences) == []


async def test_many_processes_may_open_an_empty_database_at_once(store_url: str) -> None:
    if store_url.startswith("sqlite"):
        stores = [await open_store(store_url)]
    else:
        stores = await asyncio.gather(*(open_store(store_url) for _ in range(4)))
    for store in stores:
        await store.read(schema.require_current)
        await store.close()


def set_version(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize("migrate", [False, True])
async def test_a_database_of_a_newer_gateway_is_refused(store_url: str, migrate: bool) -> None:
    store = await open_store(store_url)
    await store.write(set_version)
    await store.close()
    with pytest.raises(WrongSchema, match="newer gateway"):
        await open_store(store_url, migrate=migrate)


def migrations_with(folder: Path, *statements: str) -> Path:
    """Today's migrations and one of tomorrow."""
    tomorrow = folder / "migrations"
    shutil.copytree(schema._MIGRATIONS, tomorrow)
    head = sorted((tomorrow / "versions").glob("[0-9]*.py"))[-1].name.split("_")[0]
    steps = "".join(f"    op.execute({statement!r})\n" for statement in statements)
    (tomorrow / "versions" / "9998_tomorrow.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9998', {head!r}\n"
        f"def upgrade():\n{steps}"
    )
    return tomorrow


async def test_a_database_of_an_older_gateway_is_refused_until_it_is_migrated(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await open_store(store_url)).close()
    newer = migrations_with(tmp_path, "CREATE TABLE later (n INTEGER)")
    monkeypatch.setattr(schema, "_MIGRATIONS", newer)

    with pytest.raises(WrongSchema) as caught:
        await open_store(store_url)
    assert "needs 9998" in caught.value.message
    assert "hotline migrate" in caught.value.cure

    store = await open_store(store_url, migrate=True)
    await store.read(lambda connection: connection.exec_driver_sql("SELECT n FROM later"))
    await store.close()


async def test_redeliveries_of_what_an_older_gateway_stored_are_known(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "migrations"
    shutil.copytree(schema._MIGRATIONS, older)
    for later in (older / "versions").glob("0002_*"):
        later.unlink()
    texts = message(), message("something else")
    first, flagged = map(arrival, texts)

    def as_it_stored(connection: Connection) -> None:
        for item in (first, flagged):
            row = inbound._entry(item).row(slot=0, flagged=item is flagged)
            inbound._INSERT.add(connection, [row])

    with monkeypatch.context() as patched:
        patched.setattr(schema, "_MIGRATIONS", older)
        store = await open_store(store_url)
        await store.write(as_it_stored)
        await store.close()

    store = await open_store(store_url, migrate=True)
    for known, text in zip((first, flagged), texts, strict=True):
        again = await append(store, arrival(text))
        assert (again.status, again.inbound_id) == ("duplicate", known.inbound_id)
    assert (await append(store, arrival(message("a third text")))).flagged
    await store.close()


async def test_a_migration_that_fails_leaves_the_database_as_it_was(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await open_store(store_url)).close()
    broken = migrations_with(tmp_path, "CREATE TABLE later (n INTEGER)", "DELETE FROM nowhere")
    with monkeypatch.context() as patched:
        patched.setattr(schema, "_MIGRATIONS", broken)
        with pytest.raises(Exception, match="nowhere"):
            await open_store(store_url, migrate=True)

    store = await open_store(store_url)
    with pytest.raises(Exception, match="later"):
        await store.read(lambda connection: connection.exec_driver_sql("SELECT n FROM later"))
    await store.close()


async def test_a_second_process_on_one_sqlite_file_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hotline.db"
    store = await open_store(url)
    program = (
        "import asyncio, sys\n"
        "from gateway.domain.errors import GatewayError\n"
        "from gateway.store.opening import open_store\n"
        "try:\n    asyncio.run(open_store(sys.argv[1]))\n"
        "except GatewayError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, url], capture_output=True, text=True, check=True
    )
    assert "is used by another gateway process" in done.stdout
    await store.close()
    await (await open_store(url)).close()


async def test_the_embedded_database_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/data/hotline.db")
    await store.read(schema.require_current)
    modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "data").iterdir()}
    assert modes == dict.fromkeys(
        ["hotline.db", "hotline.db-shm", "hotline.db-wal", "hotline.db.lock"], 0
    )
    await store.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: (folder / "hotline.db").write_bytes(b"not a database" * 99), "database"),
        (lambda folder: (folder / "hotline.db").mkdir(), "cannot be opened"),
    ],
    ids=["another file", "a folder"],
)
async def test_what_is_no_database_is_refused_in_one_line(
    tmp_path: Path, make: object, message: str
) -> None:
    make(tmp_path)  # type: ignore[operator]
    with pytest.raises(StoreDown, match=message):
        await open_store(f"sqlite:///{tmp_path}/hotline.db")


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "sqlite:relative", "postgresql://user:secret@host:port/db"]
)
async def test_an_address_that_makes_no_sense_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(GatewayError, match=r"store\.url") as caught:
        await open_store(url)
    assert "secret" not in str(caught.value)


async def test_a_server_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(StoreDown, match="does not answer"):
        await open_store(f"postgresql://hotline:secret@127.0.0.1:{free_port()}/hotline")


@pytest.mark.postgres
async def test_a_database_that_does_not_exist_is_one_clear_line(postgres_url: str) -> None:
    with pytest.raises(StoreDown, match="refuses this user, password or database"):
        await open_store(postgres_url + "_not")


@pytest.mark.postgres
async def test_a_server_that_says_committed_too_early_is_refused(postgres_url: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(postgres_url)
    name = postgres_url.rsplit("/", 1)[1]
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await connection.close()
    with pytest.raises(StoreDown, match="before it has written"):
        await open_store(postgres_url)
