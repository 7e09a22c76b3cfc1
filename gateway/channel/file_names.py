"""Names of files as citizens give them, made harmless."""

import unicodedata

_STEM_LIMIT = 80
_UNSAFE = frozenset('<>:"|?*/\\%')


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
    stem, claimed = split_name(kept.strip(" ."))
    suffix = extension if extension is not None else claimed[:10]
    stem = stem.replace(".", "_").strip(" -_")[:_STEM_LIMIT].strip() or f"attachment-{number}"
    return f"{stem}.{suffix}" if suffix else stem


def split_name(name: str) -> tuple[str, str]:
    """Return a file name without its extension, and the extension without its dot."""
    stem, dot, extension = name.rpartition(".")
    return (stem, extension) if dot else (name, "")


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character)[0] in {"C", "Z"}
