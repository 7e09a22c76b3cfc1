"""A publisher's archive becomes a model folder whose every file is known from then on."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.speech.archives import unpack
from gateway.speech.catalogue import (
    PINS,
    Archive,
    Catalogue,
    Damaged,
    Installed,
    Model,
    ModelError,
    Variant,
    is_inside,
)
from gateway.speech.fetch import fetch

URL = "https://models.example/publishers-model.zip"
FILES = {
    "publishers-model/am/final.mdl": b"weights",
    "publishers-model/conf/model.conf": b"--beam=10",
    "publishers-model/test_wavs/0.wav": b"RIFF",
    "publishers-model/../escape": b"out",
    "elsewhere/readme": b"not the model",
}


def zipped(path: Path, files: Mapping[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        for name, content in files.items():
            out.writestr(name, content)
    return path


def tarred(path: Path, files: Mapping[str, bytes] = FILES) -> Path:
    with tarfile.open(path, "w:bz2") as out:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("publishers-model/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        out.addfile(link)
    return path


@pytest.mark.parametrize("packed", [zipped, tarred])
def test_only_plain_files_below_the_root_are_unpacked(tmp_path: Path, packed: object) -> None:
    assert callable(packed)
    archive = packed(tmp_path / "archive")
    folder = tmp_path / "model"
    folder.mkdir()
    unpack(archive, root="publishers-model", folder=folder)
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == ["am/final.mdl", "conf/model.conf", PINS]
    assert (folder / "am/final.mdl").read_bytes() == b"weights"
    assert not (tmp_path / "escape").exists()


def model(sha256: str | None) -> Model:
    archive = Archive(url=URL, root="publishers-model", sha256=sha256)
    return Model(
        id="tiny",
        engine="vosk",
        languages=("zh",),
        bandwidth="wide",
        licence="MIT",
        note="",
        variants=(Variant(id="publisher", archive=archive),),
    )


class Desk:
    """A models folder, and an archive carried there in a bag."""

    def __init__(self, place: Path, sha256: str | None) -> None:
        self.folder, self.bag = place / "asr_models", place / "bag"
        self.folder.mkdir()
        self.bag.mkdir()
        self.archive = zipped(self.bag / "publishers-model.zip")
        self.catalogue = Catalogue(self.folder, (model(sha256),))
        self.lines: list[str] = []

    def fetch(self) -> Installed:
        tiny = self.catalogue.get("tiny")
        return fetch(
            self.catalogue, tiny, say=self.lines.append, try_out=lambda *_: None, origin=self.bag
        )


def test_an_archive_without_a_published_digest_is_pinned_by_its_first_fetch(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, None)
    desk.fetch()
    assert any("knows no SHA-256" in line for line in desk.lines)
    tiny = desk.catalogue.get("tiny")
    state = desk.catalogue.inspect(tiny)
    assert isinstance(state, Installed)
    assert {file.path for file in state.variant.files} == {"am/final.mdl", "conf/model.conf"}
    (desk.folder / "tiny" / "am" / "final.mdl").write_bytes(b"wEights")
    assert desk.catalogue.inspect(tiny) == Damaged(reason="am/final.mdl has the wrong SHA-256")
    (desk.folder / "tiny" / PINS).unlink()
    assert desk.catalogue.inspect(tiny) == Damaged(reason=f"{PINS} is missing or damaged")


def test_an_archive_with_a_published_digest_must_have_it(tmp_path: Path) -> None:
    right = hashlib.sha256(zipped(tmp_path / "same.zip").read_bytes()).hexdigest()
    (tmp_path / "right").mkdir()
    Desk(tmp_path / "right", right).fetch()
    (tmp_path / "wrong").mkdir()
    wrong = Desk(tmp_path / "wrong", "0" * 64)
    with pytest.raises(ModelError, match="not the archive of the catalogue"):
        wrong.fetch()
    assert not (wrong.folder / "tiny").exists()


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 cut off"])
def test_a_damaged_archive_is_named(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "broken.zip"
    archive.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.zip"):
        unpack(archive, root="publishers-model", folder=tmp_path)


@given(path=st.text(alphabet="ab./\\", max_size=12))
def test_a_path_that_counts_as_inside_never_leaves_the_folder(path: str) -> None:
    folder = Path("/models/tiny")
    if is_inside(path):
        assert (folder / path).resolve().is_relative_to(folder)
        assert ".." not in path.split("/")
