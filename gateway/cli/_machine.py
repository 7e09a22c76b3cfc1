"""What the doctor examines on this machine: folders, room, key, time zone, models, ports."""

import asyncio
import errno
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli._finding import Finding, failed, ok, warning

if TYPE_CHECKING:
    from gateway.channel.http import HttpClient
    from gateway.config import Config

_GIB = 1 << 30
_ROOM_LEAST = _GIB // 4
_ROOM_COMFORTABLE = 2 * _GIB
_KEY_LEAST = 32


def data_directory(config: "Config") -> Sequence[Finding]:
    """Whether recordings and, with an embedded store, everything else can be written."""
    folders = {"data directory": config.data, "blobs": config.blobs.directory}
    return [_writable(about, folder) for about, folder in folders.items()]


def _writable(about: str, folder: Path) -> Finding:
    there = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(b"x")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return failed(
            about,
            f"{there} cannot be written: {error.strerror}",
            "let the user that runs the gateway write there",
        )
    if there != folder:
        return ok(about, f"{folder} will be made at the first start")
    return ok(about, f"{folder} can be written")


def room(config: "Config") -> Sequence[Finding]:
    """Whether the disks of the data and of the recordings have room."""
    findings = []
    seen = set()
    for folder in (config.data, config.blobs.directory):
        there = _nearest(folder)
        if (device := there.stat().st_dev) in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(there).free
        about, what = "disk", f"{free / _GIB:.1f} GiB free for {folder}"
        cure = "free some or move it: a gateway without room accepts nothing"
        if free < _ROOM_LEAST:
            findings.append(failed(about, what, cure))
        elif free < _ROOM_COMFORTABLE:
            findings.append(warning(about, what, cure))
        else:
            findings.append(ok(about, what))
    return findings


def secret_key(config: "Config") -> Sequence[Finding]:
    """Whether the gateway's own key is there and nobody else's to read."""
    about, path = "secret key", config.secret_key_file
    if config.site.secret_key is not None:
        return [ok(about, "site.secret_key is set")]
    several = not config.store.url.startswith("sqlite:///")
    if several:
        return [
            warning(
                about,
                "site.secret_key is not set, and several processes may share this store",
                "set the same one for all of them, or query codes of one mean nothing to another",
            )
        ]
    try:
        state = path.stat()
    except FileNotFoundError:
        return [ok(about, f"{path} will be made at the first start")]
    if mode := stat.S_IMODE(state.st_mode) & 0o077:
        return [
            failed(
                about,
                f"{path} may be used by others than its owner (mode {0o600 | mode:04o})",
                f"run: chmod 600 {path}",
            )
        ]
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        return [
            failed(
                about,
                f"{path} cannot be read: {error.strerror}",
                "run this as the user that runs the gateway, or give that user the file",
            )
        ]
    if len(key) < _KEY_LEAST:
        return [failed(about, f"{path} is damaged or too short", "restore it from a backup")]
    return [ok(about, f"{path} is its owner's only")]


def time_zone(config: "Config") -> Sequence[Finding]:
    """Whether this machine knows the site's time zone; without it no configuration loads."""
    zone = config.site.timezone
    now = datetime.now(zone)
    return [ok("time zone", f"{zone.key}, now {now:%H:%M} ({now:%z})")]


def speech(config: "Config") -> Sequence[Finding]:
    """Whether the model that a telephone needs is installed, byte for byte."""
    from gateway.speech.catalogue import Catalogue, Damaged, Installed, Missing
    from gateway.speech.loading import default_models_folder

    about, name = "speech model", config.speech.model
    if not any(one.kind == "voice" for one in config.channels):
        return [ok(about, "not needed: no channel carries voice")]
    if name is None:
        return [ok(about, "switched off; calls are recorded and not transcribed")]
    catalogue = Catalogue.read(default_models_folder())
    cure = f"run: hotline models fetch {name} (until then calls are recorded, not transcribed)"
    match catalogue.inspect(catalogue.get(name)):
        case Installed(variant=variant):
            return [ok(about, f"{name} ({variant.id}) is installed and intact")]
        case Damaged(reason=reason):
            return [failed(about, f"{name} is damaged: {reason}", cure)]
        case Missing():
            return [failed(about, f"{name} is not installed", cure)]


async def port(host: str, number: int, http: "HttpClient") -> Sequence[Finding]:
    """Whether the gateway can listen, or is the one that does."""
    about = f"port {number} on {host}"
    try:
        await asyncio.to_thread(_bind, host, number)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return [
                failed(
                    about,
                    f"cannot be opened: {error.strerror}",
                    "choose an address of this machine and a port above 1023",
                )
            ]
    else:
        return [ok(about, "free")]
    if await gateway_answers(host, number, http):
        return [ok(about, "a gateway is listening")]
    return [
        failed(
            about,
            "used by another program",
            "stop that one, or give the gateway another port with --port",
        )
    ]


async def gateway_answers(host: str, number: int, http: "HttpClient") -> bool:
    """Tell whether a gateway listens there."""
    from gateway.channel.http import CONFIGURED, EgressError

    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what --host may be
    name = f"[{here}]" if ":" in here else here
    try:
        reply = await http.request("GET", f"http://{name}:{number}/healthz", allow=CONFIGURED)
    except EgressError:
        return False
    return reply.status == 200 and reply.body == b'{"status": "ok"}'


def _bind(host: str, number: int) -> None:
    family, kind, proto, _, address = socket.getaddrinfo(
        host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, proto) as probe:
        # As the server does it, so that connections that are closing are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)


def _nearest(folder: Path) -> Path:
    """Return the folder itself, or the one above that exists."""
    return next(one for one in (folder, *folder.absolute().parents) if one.is_dir())
