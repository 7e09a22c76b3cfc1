"""Records calls as WAV files that lose at most about a second when the process dies."""

import asyncio
import fcntl
import os
import re
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.blobs import wav
from gateway.blobs.directory import DirectoryBlobs
from gateway.blobs.durable import PRIVATE_FILE, make_directory, sync_directory, write_all
from gateway.blobs.errors import BlobStoreDown, BlobStoreFull, told_as_store_errors
from gateway.channel.speech import StoredRecording

MEDIA_TYPE = "audio/wav"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_FILE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,100})(\+[0-9]{1,6})?\.wav", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A recording found at start-up; ``name`` is the one it was opened with (the call's id)."""

    name: str
    recording: StoredRecording


class WavRecording:
    """One recording in progress. Implements ``gateway.channel.speech.Recording``.

    Once the disk has refused, the recording has ended: :meth:`write` raises ``BlobStoreFull`` or
    ``BlobStoreDown`` from then on without trying again, so a call can go on unrecorded. After a
    full disk :meth:`finish` still seals what had been written before.
    """

    def __init__(self, blobs: DirectoryBlobs, path: Path, descriptor: int, form: wav.Form) -> None:
        self._blobs = blobs
        self._path = path
        self._descriptor = descriptor
        self._close = weakref.finalize(self, os.close, descriptor)
        self._form = form
        self._pending = bytearray()
        self._written = 0
        self._failed: BlobStoreFull | BlobStoreDown | None = None
        self._stored: StoredRecording | None = None
        # A cancelled write leaves its thread running; the next call must wait for that thread.
        self._disk = threading.Lock()

    async def write(self, pcm: bytes) -> None:
        """Append interleaved 16-bit samples; they are durable about a second of audio later."""
        if self._stored is not None:
            raise BlobStoreDown("the recording is sealed")
        if self._failed is not None:
            raise self._failed
        self._pending += pcm
        if len(self._pending) >= self._form.bytes_per_second:
            await asyncio.to_thread(self._flush)

    async def finish(self) -> StoredRecording:
        """Seal the recording, store it by its content and return what was stored.

        Its file also stays under its name until ``DirectoryRecorder.forget``, so that a crash
        before the caller has noted the hash loses nothing. Calling it again returns the same.
        When it raises, the file is left for ``DirectoryRecorder.recover``.
        """
        return await asyncio.to_thread(self._finish)

    def _flush(self) -> None:
        with self._disk:
            if self._failed is not None:
                raise self._failed
            whole = len(self._pending) - len(self._pending) % self._form.frame_bytes
            block = bytes(self._pending[:whole])
            del self._pending[:whole]
            try:
                with told_as_store_errors():
                    write_all(self._descriptor, block)
                    self._written += len(block)
                    os.pwrite(self._descriptor, wav.header(self._form, self._written), 0)
                    os.fsync(self._descriptor)
            except (BlobStoreFull, BlobStoreDown) as error:
                self._failed = error
                self._pending.clear()
                raise

    def _finish(self) -> StoredRecording:
        if self._stored is not None:
            return self._stored
        if not self._close.alive:
            raise BlobStoreDown("the recording could not be sealed")
        try:
            # What a full disk still took is worth keeping; after a failed fsync nothing is sure.
            with suppress(BlobStoreFull):
                self._flush()
            with self._disk:
                self._stored = seal(self._blobs, self._path, self._descriptor)
        except (BlobStoreFull, BlobStoreDown) as error:
            self._failed = error
            raise
        finally:
            self._close()
        return self._stored


class DirectoryRecorder:
    """Keeps recordings in progress in ``incoming`` beside the stored files.

    Implements ``gateway.channel.speech.Recorder``. The owner of a file holds a lock on it, so a
    process that starts does not seal a call that another process is still recording.
    """

    def __init__(self, blobs: DirectoryBlobs) -> None:
        self._blobs = blobs
        self._incoming = blobs.root / "incoming"

    async def open(self, name: str, sample_rate: int, channels: int) -> WavRecording:
        """Begin a recording; ``sample_rate`` in Hz, ``name`` of letters, digits and ``._-``.

        A name may be used again (a call that was connected twice): both recordings are kept.
        Raises ``BlobStoreFull`` or ``BlobStoreDown``.
        """
        form = wav.Form(sample_rate=sample_rate, channels=channels)
        return await asyncio.to_thread(self._open, name, form)

    async def recover(self) -> Sequence[Recovered]:
        """Seal what a crash left and return every recording that nobody has forgotten yet.

        To be called at start-up. Whoever notes them durably then calls :meth:`forget`; a recording
        without a single sample is dropped silently.
        """
        return await asyncio.to_thread(self._recover)

    async def forget(self, name: str) -> None:
        """Drop the name of finished recordings once their hash is durably noted elsewhere.

        The stored content stays. A recording still in progress, or an unknown name, is left alone.
        """
        await asyncio.to_thread(self._forget, name)

    def _open(self, name: str, form: wav.Form) -> WavRecording:
        if not _NAME.fullmatch(name):
            raise BlobStoreDown("a recording's name must be letters, digits and ._-")
        with told_as_store_errors():
            make_directory(self._incoming)
            path, descriptor = self._create(name)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                write_all(descriptor, wav.header(form, 0))
                os.fsync(descriptor)
                sync_directory(self._incoming)
            except OSError:
                os.close(descriptor)
                path.unlink(missing_ok=True)
                raise
        return WavRecording(self._blobs, path, descriptor, form)

    def _create(self, name: str) -> tuple[Path, int]:
        number = 1
        while True:
            path = self._incoming / (f"{name}.wav" if number == 1 else f"{name}+{number}.wav")
            try:
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
                return path, os.open(path, flags, PRIVATE_FILE)
            except FileExistsError:
                number += 1

    def _recover(self) -> list[Recovered]:
        found = []
        with told_as_store_errors():
            make_directory(self._incoming)
            paths = sorted(self._incoming.iterdir())
        for path in paths:
            if (named := _FILE.fullmatch(path.name)) is None:
                continue
            with told_as_store_errors():
                descriptor = os.open(path, os.O_RDWR)
                try:
                    # One without a header is being opened by another process this very moment.
                    if not _locked(descriptor) or not os.fstat(descriptor).st_size:
                        continue
                    if wav.repair(descriptor) is None:
                        path.unlink()
                        continue
                    recording = seal(self._blobs, path, descriptor)
                finally:
                    os.close(descriptor)
            found.append(Recovered(name=named["name"], recording=recording))
        return found

    def _forget(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            return
        with told_as_store_errors():
            for path in self._incoming.glob(f"{name}*.wav"):
                named = _FILE.fullmatch(path.name)
                if named is None or named["name"] != name:
                    continue
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    if _locked(descriptor):
                        path.unlink()
                finally:
                    os.close(descriptor)


def seal(blobs: DirectoryBlobs, path: Path, descriptor: int) -> StoredRecording:
    """Make the header of a recording true, store it by its content and describe it."""
    with told_as_store_errors():
        heard = wav.repair(descriptor)
        os.fsync(descriptor)
    sha256 = blobs.store_file(path)
    return StoredRecording(
        sha256=sha256,
        size=os.fstat(descriptor).st_size,
        media_type=MEDIA_TYPE,
        duration_ms=heard.duration_ms if heard is not None else 0,
    )


def _locked(descriptor: int) -> bool:
    """Take the lock unless its owner still lives."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
