"""The gateway's own key, behind query codes and tickets: made once, then only ever read."""

import os
import secrets
from pathlib import Path

from gateway.domain.errors import GatewayError

_SHORTEST = 32


def site_key(path: Path) -> bytes:
    """Return the key kept in ``path``, making it (readable by its owner only) at the first start.

    Raises ``GatewayError`` when it can be neither read nor made, or is damaged: another key would
    silently invalidate every query code given out so far.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = path.read_bytes().strip()
        else:
            key = secrets.token_hex(32).encode()
            with os.fdopen(descriptor, "wb") as file:
                file.write(key + b"\n")
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise GatewayError(
            f"the gateway's own key {path} cannot be read or made: {error.strerror}",
            "make the data directory writable, or set site.secret_key",
        ) from error
    if len(key) < _SHORTEST:
        raise GatewayError(
            f"the gateway's own key {path} is too short or damaged",
            "restore it from a backup; without one, remove it and old query codes stop working",
        )
    return key
