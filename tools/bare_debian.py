"""A bare Debian 12 in a folder, with the host's package-index settings, to prove set-up on."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "make", "git", "ca-certificates")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NEEDED_BYTES = 6 * 2**30

# Settings of the package clients and of the network between them and their index.
CARRIED_PREFIXES = ("PIP_", "UV_")
CARRIED_NAMES = (
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
CARRIED_FILES = (
    *("/etc/pip.conf", "/etc/xdg/pip", "~/.config/pip", "~/.pip"),
    *("/etc/ssl/certs/ca-certificates.crt", "/usr/local/share/ca-certificates"),
    *("/etc/apt/auth.conf.d", "/etc/apt/keyrings"),
    *("/etc/resolv.conf", "/etc/hosts"),
)


class FreshError(Exception):
    """A step on the bare machine failed; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BareDebian:
    """A root folder; commands run in it under chroot, in a mount namespace of their own.

    The mounts die with the command, so removing the folder can never reach the host's files.
    """

    root: Path
    env: Mapping[str, str]
    binds: Sequence[Path]

    @classmethod
    def build(cls, folder: Path) -> "BareDebian":
        """Make the root with mmdebstrap (installed through apt when missing). Needs root."""
        if os.geteuid() != 0:
            raise FreshError("a bare Debian root is built as root; cure: run `make fresh` as root")
        if shutil.disk_usage(folder).free < NEEDED_BYTES:
            raise FreshError(
                f"{folder}: less than 6 GiB free; cure: set FRESH_DIR to a roomier folder"
            )
        if shutil.which("mmdebstrap") is None:
            _call(["apt-get", "update", "-q"])
            _call(["apt-get", "install", "-q", "-y", "--no-install-recommends", "mmdebstrap"])
        root = folder / "root"
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
            settings.write(_apt_settings())
            settings.flush()
            _call(
                [
                    *("mmdebstrap", "--mode=root", "--variant=minbase"),
                    f"--include={','.join(PACKAGES)}",
                    f"--aptopt={settings.name}",
                    *(SUITE, str(root), *_apt_sources()),
                ]
            )
        _carry_files(root)
        # Packages that tests install must not start services beside the host's.
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        return cls(root=root, env=_carried_env(), binds=_local_indexes())

    def copy(self, folder: Path) -> "BareDebian":
        """A second machine in the same state."""
        _call(["cp", "-a", "--reflink=auto", str(self.root), str(folder)])
        return BareDebian(root=folder, env=self.env, binds=self.binds)

    def start(
        self,
        command: Sequence[str],
        *,
        cwd: str = "/",
        env: Mapping[str, str] | None = None,
        user: str = "root",
        stdout: int | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command in the root; the process returned is the command itself."""
        for bind in self.binds:
            (self.root / bind.relative_to("/")).mkdir(parents=True, exist_ok=True)
        mounts = [f"mount -t proc proc {self.root}/proc", f"mount --rbind /dev {self.root}/dev"]
        mounts += [f"mount --bind -o ro {bind} {self.root}{bind}" for bind in self.binds]
        # Absolute, because the command's own PATH may not lead to it.
        enter = f'exec /usr/sbin/chroot --userspec="$1" {self.root} '
        enter += 'sh -c \'cd "$1" && shift && exec "$@"\' sh'
        environment = {
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PATH": PATH,
            **self.env,
            **(env or {}),
        }
        script = " && ".join(mounts) + f' && {enter} "$2" "${{@:3}}"'
        return subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", script, "bash", user, cwd, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            text=True,
        )

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: str = "/",
        env: Mapping[str, str] | None = None,
        user: str = "root",
        timeout_s: float = 3600,
    ) -> None:
        """Run a command to its end; FreshError when it fails or takes longer than allowed."""
        process = self.start(command, cwd=cwd, env=env, user=user)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise FreshError(f"{' '.join(command)}: not done after {timeout_s:.0f} s") from None
        if code != 0:
            raise FreshError(f"{' '.join(command)}: exit {code}")


def clone(checkout: Path, target: Path) -> None:
    """Put a clean clone of the checkout's HEAD at target, without what is not committed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _call(["git", "clone", "--quiet", "--no-hardlinks", str(checkout), str(target)])
    _call(["chown", "-R", "0:0", str(target)])


def _call(command: Sequence[str]) -> None:
    code = subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
    if code != 0:
        raise FreshError(f"{' '.join(command)}: exit {code}")


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _apt_settings() -> str:
    """The host's ways to reach its mirror (proxy, retries, certificates), without its hooks."""
    lines = _output("apt-config", "dump").splitlines()
    return "\n".join(line for line in lines if line.startswith("Acquire::")) + "\n"


def _apt_sources() -> list[str]:
    """The host's source files for this suite."""
    found = [
        path
        for path in (
            Path("/etc/apt/sources.list"),
            *sorted(Path("/etc/apt/sources.list.d").glob("*.list")),
            *sorted(Path("/etc/apt/sources.list.d").glob("*.sources")),
        )
        if path.is_file() and SUITE in (text := path.read_text()) and "debian" in text
    ]
    if not found:
        raise FreshError(
            f"no apt source for {SUITE} on this machine; cure: add one to /etc/apt/sources.list.d"
        )
    return [str(path) for path in found]


def _carry_files(root: Path) -> None:
    named = [value for value in _carried_env().values() if Path(value).is_file()]
    for name in (*CARRIED_FILES, *named):
        source = Path(name).expanduser().absolute()
        target = root / source.relative_to("/")
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        elif source.is_dir() and any(source.iterdir()) and not target.exists():
            shutil.copytree(source, target, symlinks=True)


def _carried_env() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(CARRIED_PREFIXES) or name in CARRIED_NAMES
    }


def _local_indexes() -> list[Path]:
    """Folders that the host's pip settings name as indexes or wheel houses."""
    settings = _output("python3", "-m", "pip", "config", "list")
    folders: set[Path] = set()
    for line in settings.splitlines():
        name, _, value = line.partition("=")
        if not name.endswith(("index-url", "find-links")):
            continue
        for word in value.strip("'\"").replace("\\n", " ").split():
            folder = Path(word.removeprefix("file://"))
            if not folder.is_absolute() or not folder.is_dir():
                continue
            # A simple index's pages link to files beside it.
            if name.endswith("index-url") and folder.parent != Path("/"):
                folder = folder.parent
            folders.add(folder)
    return sorted(folders)
