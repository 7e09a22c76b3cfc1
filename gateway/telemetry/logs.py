"""Log lines: one JSON object (or one readable line) each, with masked values, on standard error."""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from gateway.telemetry.masking import masked

LOGGER = "hotline"


class _Format(logging.Formatter):
    def __init__(self, kind: Literal["text", "json"]) -> None:
        super().__init__()
        self._json = kind == "json"

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        values: dict[str, Any] = getattr(record, "values", {})
        event = masked(record.getMessage())
        told = {name: _plain(value) for name, value in values.items() if value is not None}
        if record.exc_info and record.exc_info[1] is not None:
            told["where"] = _places(record.exc_info[1])
        if self._json:
            line = {"at": at, "level": record.levelname.lower(), "event": event, **told}
            return json.dumps(line, ensure_ascii=False)
        rest = " ".join(f"{name}={value}" for name, value in told.items())
        return f"{at[11:19]} {record.levelname.lower():7} {event} {rest}".rstrip()


def _plain(value: object) -> object:
    if isinstance(value, bool | int | float):
        return value
    return masked(str(value))


def _places(error: BaseException) -> str:
    """Return where an error arose without its message or any source line, which may quote data."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return f"{type(error).__name__} at " + " < ".join(
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames)
    )


def set_up(level: str, kind: Literal["text", "json"], stream: TextIO) -> logging.Logger:
    """Send all logging of the process to ``stream`` in our format; return the gateway's logger."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Format(kind))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logger = logging.getLogger(LOGGER)
    logger.setLevel(level.upper())
    return logger
