"""Tells what a file is from its own bytes: neither its name nor the sender is believed.

Only types on this list are taken; whatever a browser might run (HTML, SVG, scripts) has none.
"""

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["image", "audio", "video", "document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileType:
    """A type of file that is taken; ``extension`` is without the dot."""

    media_type: str
    kind: Kind
    extension: str


def _types(*rows: tuple[str, Kind, str]) -> Mapping[str, FileType]:
    return MappingProxyType(
        {row[2]: FileType(media_type=row[0], kind=row[1], extension=row[2]) for row in rows}
    )


_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

TYPES = _types(
    ("image/jpeg", "image", "jpg"),
    ("image/png", "image", "png"),
    ("image/gif", "image", "gif"),
    ("image/webp", "image", "webp"),
    ("image/heic", "image", "heic"),
    ("application/pdf", "document", "pdf"),
    (_DOCX, "document", "docx"),
    (_XLSX, "document", "xlsx"),
    ("audio/wav", "audio", "wav"),
    ("audio/mpeg", "audio", "mp3"),
    ("audio/mp4", "audio", "m4a"),
    ("audio/aac", "audio", "aac"),
    ("audio/amr", "audio", "amr"),
    ("audio/ogg", "audio", "ogg"),
    ("video/mp4", "video", "mp4"),
    ("video/quicktime", "video", "mov"),
    ("video/3gpp", "video", "3gp"),
    ("video/webm", "video", "webm"),
)

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"%PDF-1.", "pdf"),
    (b"%PDF-2.", "pdf"),
    (b"ID3", "mp3"),
    (b"\xff\xfb", "mp3"),
    (b"\xff\xf3", "mp3"),
    (b"\xff\xf2", "mp3"),
    (b"\xff\xf1", "aac"),
    (b"\xff\xf9", "aac"),
    (b"#!AMR", "amr"),
    (b"OggS\0", "ogg"),
)
_BRANDS: Mapping[bytes, str] = MappingProxyType(
    {
        **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc"), "heic"),
        **dict.fromkeys((b"M4A ", b"M4B "), "m4a"),
        **dict.fromkeys((b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42"), "mp4"),
        **dict.fromkeys((b"avc1", b"M4V ", b"MSNV", b"dash"), "mp4"),
        **dict.fromkeys((b"3gp4", b"3gp5", b"3gp6", b"3gp7", b"3g2a"), "3gp"),
        b"qt  ": "mov",
    }
)
# Phones rename freely inside a family (a HEIC called .jpg, an audio-only .mp4): that is no attack.
FAMILY: Mapping[str, str] = MappingProxyType(
    {"image": "image", "audio": "sound", "video": "sound", "document": "document"}
)
_SAYS_NOTHING = frozenset({"", "application/octet-stream", "binary/octet-stream"})
# Two words that no camera writes; a picture that holds one was made to be mistaken for a page.
_ACTIVE = (b"<script", b"<?php")


def sniff(content: bytes) -> FileType | None:
    """Return the type of a file, or None when it is none of those that are taken."""
    found = TYPES.get(_extension(content))
    if found is not None and found.kind == "image":
        lowered = content.lower()
        if any(word in lowered for word in _ACTIVE):
            return None
    return found


def claims_another(media_type: str, found: FileType) -> bool:
    """Tell whether a declared media type is of another family than what the bytes are."""
    declared = media_type.partition(";")[0].strip().casefold()
    if declared in _SAYS_NOTHING:
        return False
    return FAMILY.get(declared.partition("/")[0], "document") != FAMILY[found.kind]


def _extension(content: bytes) -> str:
    for signature, extension in _SIGNATURES:
        if content.startswith(signature):
            return extension
    if content[:6] in {b"GIF87a", b"GIF89a"}:
        return "gif" if _is_gif(content) else ""
    if content[:4] == b"RIFF":
        return {b"WAVE": "wav", b"WEBP": "webp"}.get(content[8:12], "")
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12], "")
    if content.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in content[:64] else ""
    if content.startswith(b"PK\x03\x04"):
        return _office(content)
    return ""


def _is_gif(content: bytes) -> bool:
    """A script dressed up as GIF89a has no block where the first block must be."""
    if len(content) < 14:
        return False
    packed = content[10]
    table = 3 << ((packed & 7) + 1) if packed & 0x80 else 0
    return content[13 + table : 14 + table] in {b"\x21", b"\x2c"} and b"\x3b" in content[-16:]


_END_OF_ZIP = struct.Struct("<4s4H2IH")
_LARGEST_DIRECTORY = 256 * 1024


def _office(content: bytes) -> str:
    """Recognise a Word or Excel file without macros by the names inside; nothing is unpacked."""
    end = content.rfind(b"PK\x05\x06", -(65_536 + _END_OF_ZIP.size))
    if end < 0 or len(content) < end + _END_OF_ZIP.size or b"PK\x06\x07" in content[end - 20 : end]:
        return ""
    directory_size = _END_OF_ZIP.unpack_from(content, end)[5]
    if directory_size > _LARGEST_DIRECTORY:
        return ""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, OSError):
        return ""
    if "[Content_Types].xml" not in names or any(name.endswith("vbaProject.bin") for name in names):
        return ""
    if "word/document.xml" in names:
        return "docx"
    return "xlsx" if "xl/workbook.xml" in names else ""
