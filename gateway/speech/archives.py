"""Unpacks a publisher's archive: only plain files below one folder, and notes what they are."""

import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from gateway.speech.catalogue import PINS, ModelError, ModelFile, is_inside, sha256_of

_LARGEST = 8 << 30
_MOST = 2000
# Recordings and scripts beside the weights are of no use to us.
_LEFT_OUT = ("test_wavs/", "test_wav/")

Member = tuple[str, int, IO[bytes]]


def unpack(archive: Path, *, root: str, folder: Path) -> None:
    """Unpack what lies below ``root`` into ``folder`` and note size and SHA-256 of every file.

    Raise ModelError for an archive that is damaged, absurdly large or holds nothing below it.
    """
    cure = "fetch again; if it stays so the archive was changed at its source"
    room = _LARGEST
    files: list[ModelFile] = []
    try:
        for path, size, stream in _members(archive, root.rstrip("/") + "/"):
            room -= size
            if room < 0 or len(files) == _MOST:
                raise ModelError(f"{archive.name} holds far more than a speech model", cure)
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                shutil.copyfileobj(stream, out)
            written = target.stat().st_size
            files.append(ModelFile(path=path, size=written, sha256=sha256_of(target)))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.filename:
            raise
        raise ModelError(f"{archive.name} is damaged: {error}", cure) from error
    if not files:
        raise ModelError(f"{archive.name} holds nothing below {root}", cure)
    with (folder / PINS).open("wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(files), indent=1))
        os.fsync(out.fileno())


def _members(archive: Path, root: str) -> Iterator[Member]:
    """Yield path below ``root``, size and content of every plain file; links are passed over."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                path = info.filename.removeprefix(root)
                if not info.is_dir() and info.filename.startswith(root) and _wanted(path):
                    with packed.open(info) as stream:
                        yield path, info.file_size, stream
        return
    with tarfile.open(archive) as packed_tar:
        for member in packed_tar:
            name = member.name.removeprefix("./")
            path = name.removeprefix(root)
            if member.isfile() and name.startswith(root) and _wanted(path):
                content = packed_tar.extractfile(member)
                if content is not None:
                    with content:
                        yield path, member.size, content


def _wanted(path: str) -> bool:
    return is_inside(path) and not path.startswith(_LEFT_OUT)
