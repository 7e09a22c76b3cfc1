"""Content is stored once, durably and privately, or the caller is told that it is not."""

import asyncio
import errno
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.blobs import BlobMissing, BlobStoreDown, BlobStoreFull, DirectoryBlobs
from gateway.channel.errors import StoreBusy


@pytest.fixture
async def blobs(tmp_path: Path) -> DirectoryBlobs:
    store = DirectoryBlobs(tmp_path / "blobs")
    await store.open()
    return store


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk can only be mounted by root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=5000))
async def test_what_is_put_is_read_back_under_its_sha256(tmp_path: Path, content: bytes) -> None:
    store = DirectoryBlobs(tmp_path / "blobs")
    await store.open()
    sha256 = await store.put(content)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert await store.read(sha256) == content
    assert await store.exists(sha256)


async def test_storing_twice_keeps_one_private_file(blobs: DirectoryBlobs) -> None:
    first = await blobs.put(b"photo")
    second = await blobs.put(b"photo")
    assert first == second
    files = [path for path in blobs.root.rglob("*") if path.is_file()]
    assert files == [blobs.root / first[:2] / first[2:4] / first]
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert files[0].parent.stat().st_mode & 0o777 == 0o700


async def test_twenty_simultaneous_puts_of_one_photo_all_succeed(blobs: DirectoryBlobs) -> None:
    hashes = await asyncio.gather(*(blobs.put(b"same photo") for _ in range(20)))
    assert len(set(hashes)) == 1
    assert await blobs.read(hashes[0]) == b"same photo"
    assert not list((blobs.root / "partial").iterdir())


async def test_a_file_of_the_wrong_length_is_written_anew(blobs: DirectoryBlobs) -> None:
    sha256 = await blobs.put(b"whole photo")
    blobs.path(sha256).write_bytes(b"who")
    await blobs.put(b"whole photo")
    assert await blobs.read(sha256) == b"whole photo"


async def test_content_and_names_are_synced_before_the_hash_is_returned(
    blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def noted_sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append("sync directory" if path.is_dir() else "sync file")
        sync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    await blobs.put(b"x")
    assert steps[-3:] == ["sync file", "rename", "sync directory"]
    assert "sync directory" in steps[:-3], "the new shard directories are durable as well"
    steps.clear()
    await blobs.put(b"x")
    assert steps == ["sync directory"], "another put may have named it and not synced it yet"


@pytest.mark.parametrize("wrong", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 64])
async def test_reading_what_was_never_stored_says_so(blobs: DirectoryBlobs, wrong: str) -> None:
    with pytest.raises(BlobMissing):
        await blobs.read(wrong)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.ENOSPC, BlobStoreFull),
        (errno.EDQUOT, BlobStoreFull),
        (errno.EIO, BlobStoreDown),
        (errno.EROFS, BlobStoreDown),
    ],
)
@pytest.mark.parametrize("call", ["write", "fsync"])
async def test_a_disk_that_refuses_stores_nothing_and_the_next_put_works(
    blobs: DirectoryBlobs,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    code: int,
    expected: type[Exception],
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        with pytest.raises(expected):
            await blobs.put(b"photo")
    sha256 = hashlib.sha256(b"photo").hexdigest()
    assert not await blobs.exists(sha256)
    assert not list((blobs.root / "partial").iterdir())
    assert await blobs.put(b"photo") == sha256


def test_both_refusals_make_the_core_answer_busy() -> None:
    assert issubclass(BlobStoreFull, StoreBusy)
    assert issubclass(BlobStoreDown, StoreBusy)


async def test_a_really_full_disk_refuses_and_recovers(small_disk: Path) -> None:
    store = DirectoryBlobs(small_disk / "blobs")
    await store.open()
    kept = await store.put(b"a" * 50_000)
    with pytest.raises(BlobStoreFull):
        await store.put(b"b" * 400_000)
    assert await store.read(kept) == b"a" * 50_000
    assert await store.read(await store.put(b"c" * 50_000)) == b"c" * 50_000


async def test_room_reserved_for_others_is_not_used(tmp_path: Path) -> None:
    store = DirectoryBlobs(tmp_path, keep_free=1 << 62)
    await store.open()
    with pytest.raises(BlobStoreFull):
        await store.put(b"photo")


async def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file stands in the way")
    with pytest.raises(BlobStoreDown):
        await DirectoryBlobs(tmp_path / "blobs").open()


async def test_opening_sweeps_away_old_leftovers_only(blobs: DirectoryBlobs) -> None:
    old, fresh = blobs.root / "partial" / "old", blobs.root / "partial" / "fresh"
    old.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(old, (0, 0))
    await blobs.open()
    assert not old.exists()
    assert fresh.exists()


async def test_a_finished_file_is_stored_and_stays(blobs: DirectoryBlobs, tmp_path: Path) -> None:
    file = tmp_path / "mail.eml"
    file.write_bytes(b"Subject: x\r\n")
    sha256 = await blobs.put_file(file)
    assert await blobs.put_file(file) == sha256
    assert await blobs.read(sha256) == file.read_bytes()


async def test_a_file_is_copied_where_hard_links_do_not_exist(
    blobs: DirectoryBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    file = tmp_path / "mail.eml"
    file.write_bytes(b"Subject: x\r\n")
    sha256 = await blobs.put_file(file)
    assert await blobs.read(sha256) == b"Subject: x\r\n"
    assert not blobs.path(sha256).samefile(file)
    assert blobs.path(sha256).stat().st_mode & 0o777 == 0o600
