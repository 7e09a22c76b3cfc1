"""Puts values from the environment and from files where the configuration refers to them.

``${NAME}`` anywhere in a value is the environment variable; ``${NAME:-text}`` falls back to the
text (for demonstrations); ``$${`` is a literal ``${``. A secret may also be ``file:PATH``: the
content of that file without its last line break.
"""

import re
from collections.abc import Mapping
from pathlib import Path

MAX_SECRET_BYTES = 64 * 1024

_REFERENCE = re.compile(
    r"\$(?P<literal>\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|"
    r"(?P<broken>\$\{)"
)


class Unresolved(Exception):
    """A reference that leads nowhere. Neither text holds what was found, only where."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.cure = cure


def refers(text: str) -> bool:
    """Tell whether the value comes, at least in part, from outside the file."""
    return any(found["name"] for found in _REFERENCE.finditer(text)) or text.startswith("file:")


def from_environment(text: str, env: Mapping[str, str]) -> str:
    """Replace every ``${NAME}``; raise :class:`Unresolved` for one that is not set."""

    def value(found: re.Match[str]) -> str:
        if found["literal"]:
            return "${"
        if found["broken"]:
            raise Unresolved(
                "holds a ${ that is not ${NAME} or ${NAME:-default}",
                "correct it, or write $${ for a literal ${",
            )
        given = env.get(found["name"]) or found["default"]
        if given is None:
            state = "is empty" if found["name"] in env else "is not set"
            raise Unresolved(
                f"the environment variable {found['name']} {state}",
                f"set {found['name']}, for example in a file .env beside the configuration",
            )
        return given

    return _REFERENCE.sub(value, text)


def from_file(text: str, folder: Path) -> str:
    """The secret in the file that ``file:PATH`` names; a relative path starts at ``folder``."""
    given = text.removeprefix("file:")
    name = given if given.isprintable() else ascii(given)
    try:
        with (folder / given).open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
    except FileNotFoundError:
        raise Unresolved(
            f"the file {name} does not exist", "create it, or correct the path"
        ) from None
    except (OSError, ValueError):
        raise Unresolved(
            f"the file {name} cannot be read", "let the user that runs the gateway read it"
        ) from None
    if len(raw) > MAX_SECRET_BYTES:
        raise Unresolved(f"the file {name} is too large for a secret", "correct the path")
    try:
        secret = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Unresolved(f"the file {name} is not UTF-8 text", "save it as text") from None
    secret = secret.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise Unresolved(f"the file {name} is empty", "write the secret into it")
    return secret
