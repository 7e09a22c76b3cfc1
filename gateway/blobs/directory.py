"""A directory of files named by the SHA-256 of their content: storing twice is storing once."""

import asyncio
import hashlib
import os
import re
import shutil
import time
from pathlib import Path
from uuid import uuid4

from gateway.blobs.durable import make_directory, sync_directory, write_new
from gateway.blobs.errors import BlobMissing, BlobStoreFull, told_as_store_errors

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_STALE_AFTER_S = 24 * 3600.0


class DirectoryBlobs:
    """Stores files as ``root/ab/cd/abcd…``; several processes may share the directory.

    A hash is returned only when content, name and every directory above it are durable. A put
    that dies half-way leaves a file in ``root/partial`` that :meth:`open` sweeps away later.
    ``keep_free`` is the room, in bytes, that is always left on the disk for others (the database).
    Implements ``gateway.channel.ports.Uploads``.
    """

    def __init__(self, root: Path, *, keep_free: int = 0) -> None:
        self._root = root
        self._partial = root / "partial"
        self._keep_free = keep_free
        self._durable: set[Path] = set()

    @property
    def root(self) -> Path:
        """The directory everything lies in."""
        return self._root

    async def open(self) -> None:
        """Make the directories and sweep away what a crash left half-written.

        Raises ``BlobStoreFull`` or ``BlobStoreDown``, as every method here does.
        """
        await asyncio.to_thread(self._open)

    async def put(self, content: bytes) -> str:
        """Store ``content`` durably and return its SHA-256 in hex."""
        return await asyncio.to_thread(self._put, content)

    async def put_file(self, path: Path) -> str:
        """Store the content of a finished file and return its SHA-256 in hex.

        The file stays where it is and shares its bytes with the store where the file system has
        hard links, so nobody may change it afterwards.
        """
        return await asyncio.to_thread(self.store_file, path)

    async def read(self, sha256: str) -> bytes:
        """Return the content; raises ``BlobMissing`` when there is none."""
        return await asyncio.to_thread(self._read, sha256)

    async def exists(self, sha256: str) -> bool:
        """Tell whether this content is stored."""
        return await asyncio.to_thread(self.path(sha256).is_file)

    def path(self, sha256: str) -> Path:
        """Return where content with this hash lies or would lie.

        Raises ``BlobMissing`` for anything that is not a hash, so no path leads out of ``root``.
        """
        if not _SHA256.fullmatch(sha256):
            raise BlobMissing
        return self._root / sha256[:2] / sha256[2:4] / sha256

    def store_file(self, path: Path) -> str:
        """Do the work of :meth:`put_file` in the calling thread."""
        with told_as_store_errors():
            with path.open("rb") as source:
                sha256 = hashlib.file_digest(source, "sha256").hexdigest()
                os.fsync(source.fileno())
            target = self.path(sha256)
            self._make_durable(target.parent)
            if not self._is_stored(target, path.stat().st_size):
                self._link_or_copy(path, target)
            sync_directory(target.parent)
            return sha256

    def _open(self) -> None:
        with told_as_store_errors():
            make_directory(self._root)
            make_directory(self._partial)
            # Another process may be writing right now; nothing is being written for a whole day.
            oldest = time.time() - _STALE_AFTER_S
            for leftover in self._partial.iterdir():
                if leftover.stat().st_mtime < oldest:
                    leftover.unlink(missing_ok=True)

    def _put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        with told_as_store_errors():
            self._make_durable(target.parent)
            if not self._is_stored(target, len(content)):
                self._require_room(len(content))
                partial = self._new_partial()
                try:
                    write_new(partial, content)
                    partial.replace(target)
                finally:
                    partial.unlink(missing_ok=True)
            # Also when it was there: the put that named it may not have come to this line yet.
            sync_directory(target.parent)
        return sha256

    def _read(self, sha256: str) -> bytes:
        path = self.path(sha256)
        with told_as_store_errors():
            try:
                return path.read_bytes()
            except FileNotFoundError:
                raise BlobMissing from None

    def _link_or_copy(self, path: Path, target: Path) -> None:
        partial = self._new_partial()
        try:
            try:
                os.link(path, partial)
            except OSError:
                self._require_room(path.stat().st_size)
                shutil.copyfile(path, partial)
                with partial.open("rb") as copy:
                    os.fsync(copy.fileno())
            partial.chmod(0o600)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _new_partial(self) -> Path:
        self._make_durable(self._partial)
        return self._partial / uuid4().hex

    def _make_durable(self, directory: Path) -> None:
        if directory not in self._durable:
            make_directory(directory)
            self._durable.add(directory)

    def _require_room(self, size: int) -> None:
        if self._keep_free:
            room = os.statvfs(self._root)
            if room.f_bavail * room.f_frsize - size < self._keep_free:
                raise BlobStoreFull

    @staticmethod
    def _is_stored(target: Path, size: int) -> bool:
        """A file of another length is what a broken disk left behind: it is written anew."""
        try:
            return target.stat().st_size == size
        except FileNotFoundError:
            return False
