"""Decides which uploaded files are taken, and under which name."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from channels.web.config import WebSettings
from channels.web.problems import FILES, Problem
from gateway.channel.file_types import FAMILY, TYPES, FileType, claims_another, sniff
from gateway.domain.intake import MediaRef

_STEM_LIMIT = 80
_UNSAFE = frozenset('<>:"|?*/\\%')


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it came: its name and type are only what the sender claims."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A file that is taken: how the event names it, and its bytes."""

    ref: MediaRef
    content: bytes


def take(uploads: Sequence[Upload], settings: WebSettings) -> tuple[list[Taken], list[Problem]]:
    """Check every upload; the same file sent twice in one request is taken once."""
    problems: list[Problem] = []
    if len(uploads) > settings.files:
        problems.append(_problem("too_many_files", limit=settings.files))
    if sum(len(upload.content) for upload in uploads) > settings.upload:
        problems.append(_problem("files_too_large", megabytes=settings.upload >> 20))
    if problems:
        return [], problems
    taken: dict[str, Taken] = {}
    for number, upload in enumerate(uploads, start=1):
        name = safe_name(upload.name, number)
        if not upload.content:
            problems.append(_problem("file_empty", name=name))
            continue
        if len(upload.content) > settings.file_size:
            megabytes = settings.file_size >> 20
            problems.append(_problem("file_too_large", name=name, megabytes=megabytes))
            continue
        found = sniff(upload.content)
        if found is None:
            problems.append(_problem("file_type_refused", name=name))
        elif _claims_another(upload, found):
            problems.append(_problem("file_type_differs", name=name, found=found.extension))
        else:
            sha256 = hashlib.sha256(upload.content).hexdigest()
            ref = MediaRef(
                id=sha256[:26],
                kind=found.kind,
                media_type=found.media_type,
                sha256=sha256,
                size=len(upload.content),
                filename=safe_name(upload.name, number, found.extension),
            )
            taken.setdefault(sha256, Taken(ref=ref, content=upload.content))
    return list(taken.values()), problems


def safe_name(name: str, number: int, extension: str | None = None) -> str:
    """Return a name that is harmless in a file system, a header and a page.

    Folders, control and direction characters and all but the last dot go; ``extension`` replaces
    the sender's own; a name of which nothing is left becomes ``attachment-<number>``.
    """
    last = unicodedata.normalize("NFC", name.replace("\\", "/")).rsplit("/", 1)[-1]
    kept = "".join(
        character
        for character in last
        if character == " " or not (character in _UNSAFE or _is_invisible(character))
    )
    stem, claimed = _split(kept.strip(" ."))
    suffix = extension if extension is not None else claimed[:10]
    stem = stem.replace(".", "_").strip(" -_")[:_STEM_LIMIT].strip() or f"attachment-{number}"
    return f"{stem}.{suffix}" if suffix else stem


def _split(name: str) -> tuple[str, str]:
    """Return a file name without its extension, and the extension without its dot."""
    stem, dot, extension = name.rpartition(".")
    return (stem, extension) if dot else (name, "")


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character)[0] in {"C", "Z"}


def _claims_another(upload: Upload, found: FileType) -> bool:
    named = TYPES.get(_split(upload.name.lower())[1])
    if named is not None and FAMILY[named.kind] != FAMILY[found.kind]:
        return True
    return claims_another(upload.media_type, found)


def _problem(code: str, **values: str | int) -> Problem:
    return Problem(code=code, field=FILES, values=values)
