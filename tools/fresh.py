"""Proves the two commands of the README, and the Dockerfile, on a bare Debian 12: `make fresh`.

FRESH_COMMANDS chooses (default "run again demo test image"), FRESH_KEEP=1 leaves the machine for a
look, FRESH_DIR is where it is built (default: the temporary folder).
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tools.bare_debian import BareDebian, FreshError, clone
from tools.image_steps import run_image_steps

CHECKOUT = Path(__file__).resolve().parent.parent
HOME = "/srv/hotline"
FIRST_START_S = 1800.0
NEXT_START_S = 60.0
STOP_S = 60.0


def say(text: str) -> None:
    """Print one line of progress, at once."""
    sys.stdout.write(f"\n[fresh] {text}\n")
    sys.stdout.flush()


def serve_once(machine: BareDebian, limit_s: float) -> None:
    """`make run` until it is ready and answers on /healthz; SIGTERM must then end it with 0."""
    began = time.monotonic()
    make = machine.start(["make", "run"], cwd=HOME, stdout=subprocess.PIPE)
    try:
        address = _wait_ready(make, began + limit_s)
        say(f"ready after {time.monotonic() - began:.1f} s at {address}")
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:  # noqa: S310
                say(f"/healthz answers {answer.status}")
        except urllib.error.URLError as error:
            raise FreshError(f"{address}/healthz: {error}") from error
        # The recipe's shell has become the gateway, so make's only child is the gateway.
        children = Path(f"/proc/{make.pid}/task/{make.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)
        code = make.wait(STOP_S)
    except subprocess.TimeoutExpired:
        raise FreshError(f"the gateway did not stop within {STOP_S:.0f} s of SIGTERM") from None
    finally:
        make.kill()
    if code != 0:
        raise FreshError(f"make run: exit {code} after SIGTERM")
    say("stopped by SIGTERM with exit 0")


def _wait_ready(make: subprocess.Popen[str], deadline: float) -> str:
    """Echo what is printed until the `ready http://…` line; gives the address."""
    lines = make.stdout
    if lines is None:
        raise FreshError("make run was started without a pipe")
    for line in lines:
        sys.stdout.write(line)
        sys.stdout.flush()
        word, _, address = line.strip().partition(" ")
        if word == "ready" and address.startswith("http"):
            return address.split()[0]
        if time.monotonic() > deadline:
            break
    raise FreshError("make run: ended or ran out of time before it printed `ready`")


def main() -> int:
    """Build the machine, clone into it, run what was asked for; 0 when all of it passed."""
    wanted = os.environ.get("FRESH_COMMANDS", "run again demo test image").split()
    folder = Path(tempfile.mkdtemp(prefix="hotline-fresh-", dir=os.environ.get("FRESH_DIR")))
    try:
        say(f"building a bare Debian 12 in {folder}")
        bare = BareDebian.build(folder)
        # The image steps start from the machine as it is now, before anything was installed on it.
        for_image = bare.copy(folder / "image-base") if "image" in wanted else bare
        clone(CHECKOUT, bare.root / HOME.lstrip("/"))
        steps: dict[str, Callable[[], None]] = {
            "run": lambda: serve_once(bare, FIRST_START_S),
            "again": lambda: serve_once(bare, NEXT_START_S),
            "setup": lambda: bare.run(["make", "setup"], cwd=HOME),
            "demo": lambda: bare.run(["make", "demo"], cwd=HOME),
            "check": lambda: bare.run(["make", "check"], cwd=HOME),
            "test": lambda: bare.run(["make", "test"], cwd=HOME, timeout_s=5400),
            "image": lambda: run_image_steps(for_image, CHECKOUT, folder, say),
        }
        for name in wanted:
            if name not in steps:
                raise FreshError(f"FRESH_COMMANDS: {name} is none of {', '.join(steps)}")
            began = time.monotonic()
            say(f"step {name}")
            steps[name]()
            say(f"step {name}: passed in {time.monotonic() - began:.0f} s")
    except FreshError as error:
        say(f"FAILED: {error}")
        return 1
    finally:
        if os.environ.get("FRESH_KEEP"):
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    say(f"all passed: {' '.join(wanted)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
