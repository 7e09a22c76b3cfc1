"""Reads the ``.env`` file beside a configuration: ``NAME=value`` lines, never executed."""

import re
from pathlib import Path

from gateway.config.findings import Finding, InvalidConfig

MAX_BYTES = 64 * 1024

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of the file, none when there is no such file.

    Blank lines and lines that start with ``#`` are skipped; one pair of quotes around a value is
    removed. Raises :class:`InvalidConfig` for a line that is not ``NAME=value``; the line itself is
    not repeated, for it may hold a secret.
    """
    try:
        raw = path.read_bytes()[: MAX_BYTES + 1]
    except FileNotFoundError:
        return {}
    except OSError:
        raise InvalidConfig(
            [_finding(path, 1, "cannot be read", "let the gateway read it")]
        ) from None
    if len(raw) > MAX_BYTES:
        raise InvalidConfig([_finding(path, 1, "is larger than 64 KiB", "shorten it")])
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InvalidConfig([_finding(path, 1, "is not UTF-8 text", "save it as UTF-8")]) from None
    variables: dict[str, str] = {}
    findings: list[Finding] = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        if found := _LINE.fullmatch(line):
            variables[found["name"]] = _unquoted(found["value"])
        else:
            findings.append(_finding(path, number, "is not NAME=value", "correct the line"))
    if findings:
        raise InvalidConfig(findings)
    return variables


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _finding(path: Path, line: int, problem: str, cure: str) -> Finding:
    return Finding(file=str(path), line=line, key=path.name, problem=problem, cure=cure)
