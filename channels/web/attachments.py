"""Decides which uploaded files are taken, and under which name."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from channels.web.config import WebSettings
from channels.web.problems import FILES, Problem
from gateway.channel.file_names import safe_name, split_name
from gateway.channel.file_types import FAMILY, TYPES, FileType, claims_another, sniff
from gateway.domain.intake import MediaRef


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


def _claims_another(upload: Upload, found: FileType) -> bool:
    named = TYPES.get(split_name(upload.name.lower())[1])
    if named is not None and FAMILY[named.kind] != FAMILY[found.kind]:
        return True
    return claims_another(upload.media_type, found)


def _problem(code: str, **values: str | int) -> Problem:
    return Problem(code=code, field=FILES, values=values)
