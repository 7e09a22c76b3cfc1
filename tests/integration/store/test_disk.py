"""A disk that is full or broken: nothing is acknowledged, reading goes on, and it recovers."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import pytest

from gateway.store.engine import Store
from gateway.store.errors import StoreDown, StoreFull
from gateway.store.inbound import Appended
from gateway.store.opening import open_store
from tests.integration.store.samples import append, arrival, how_many, message


class SmallDisk(Protocol):
    """A place for a database whose space can be used up."""

    folder: Path

    async def fill(self, store: Store) -> None:
        """Leave no room."""

    async def free(self, store: Store) -> None:
        """Give the room back."""


class Mounted:
    """A file system of 4 MB in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    async def fill(self, store: Store) -> None:
        with self._ballast.open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(4096))
        assert os.statvfs(self.folder).f_bavail == 0

    async def free(self, store: Store) -> None:
        self._ballast.unlink()


class Quota:
    """SQLite's own limit of pages: the same error, where nothing may be mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def fill(self, store: Store) -> None:
        await self._limit(store, 1)  # which means: as many as there are

    async def free(self, store: Store) -> None:
        await self._limit(store, 1_000_000)

    async def _limit(self, store: Store, pages: int) -> None:
        await store.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar())


def log_descriptors(folder: Path) -> list[int]:
    """This process's descriptors of the database's write-ahead log."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = link.readlink()
        except FileNotFoundError:
            continue
        if target == folder / "hotline.db-wal":
            found.append(int(link.name))
    return found


def divert(number: int, device: str) -> None:
    """Let a descriptor lead to a device."""
    other = os.open(device, os.O_RDWR)
    os.dup2(other, number, inheritable=False)
    os.close(other)


@contextmanager
def mounted() -> Iterator[Mounted | None]:
    folder = Path(tempfile.mkdtemp(prefix="hotline-small-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    allowed = (
        os.geteuid() == 0
        and shutil.which("mount") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
    try:
        yield Mounted(folder) if allowed else None
    finally:
        if allowed:
            subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@pytest.fixture(params=["mounted", "quota"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    if request.param == "quota":
        yield Quota(tmp_path)
        return
    with mounted() as small:
        yield small or Quota(tmp_path)


async def append_many(store: Store, count: int, name: str) -> list[Appended | BaseException]:
    return await asyncio.gather(
        *(append(store, arrival(message(key=f"{name}{n}"))) for n in range(count)),
        return_exceptions=True,
    )


async def test_a_full_disk_refuses_and_goes_on_when_there_is_room(disk: SmallDisk) -> None:
    url = f"sqlite:///{disk.folder}/hotline.db"
    store = await open_store(url)
    await append_many(store, 20, "before")

    await disk.fill(store)
    acknowledged = 20
    refused: list[BaseException] = []
    for turn in range(20):  # the log may have some pages left
        for result in await append_many(store, 10, f"full{turn}-"):
            if isinstance(result, BaseException):
                refused.append(result)
            else:
                acknowledged += 1
        assert await how_many(store, "inbound") == acknowledged
    assert refused
    assert {type(error) for error in refused} == {StoreFull}

    await disk.free(store)
    assert (await append(store, arrival(message(key="after")))).status == "accepted"
    acknowledged += 1
    await store.close()
    store = await open_store(url)
    assert await how_many(store, "inbound") == await how_many(store, "arrival") == acknowledged
    assert await integrity(store) == "ok"
    await store.close()


async def test_a_flush_that_fails_is_never_acknowledged_and_the_store_recovers(
    tmp_path: Path,
) -> None:
    """/dev/null takes every write and fails every fdatasync: a disk whose flush returns an error.

    Nobody knows afterwards what is on it, so the file is opened anew, and what could not be
    acknowledged is stored once when the sender repeats it.
    """
    url = f"sqlite:///{tmp_path}/hotline.db"
    store = await open_store(url)
    await append_many(store, 20, "before")
    assert log_descriptors(tmp_path)

    for number in log_descriptors(tmp_path):
        divert(number, "/dev/null")
    results = await append_many(store, 20, "during")
    assert {type(result) for result in results} == {StoreDown}

    for _ in range(5):  # readers find out one by one
        try:
            assert await how_many(store, "inbound") == 20
        except StoreDown:
            continue
    repeated = await append_many(store, 20, "during")
    assert [result.status for result in repeated if isinstance(result, Appended)] == [
        "accepted"
    ] * 20
    await store.close()

    store = await open_store(url)
    assert await how_many(store, "inbound") == await how_many(store, "arrival") == 40
    assert await integrity(store) == "ok"
    await store.close()


async def integrity(store: Store) -> str:
    return await store.read(
        lambda connection: str(connection.exec_driver_sql("PRAGMA integrity_check").scalar_one())
    )
