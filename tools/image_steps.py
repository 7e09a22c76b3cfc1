"""Carries out the Dockerfile's steps in bare Debian roots, where no image registry is reachable.

Every FROM becomes a copy of the bare machine: what is proved is our own steps, not the base image.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tools.bare_debian import PATH, BareDebian, FreshError, clone

HEALTHY_WITHIN_S = 120.0
STOP_S = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a Dockerfile."""

    word: str
    rest: str


@dataclass(slots=True, kw_only=True)
class Stage:
    """What a FROM has become so far."""

    machine: BareDebian
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    healthcheck: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


def parse(text: str) -> Iterator[Step]:
    """Instructions in order; comments dropped, continued lines joined."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\s*\\\n\s*", " ", kept).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield Step(word.upper(), rest.strip())


def run_image_steps(
    bare: BareDebian, checkout: Path, folder: Path, say: Callable[[str], None]
) -> None:
    """Build every stage, start the last one as its user, wait until it is healthy, and stop it."""
    context = folder / "context"
    clone(checkout, context)
    for pattern in (context / ".dockerignore").read_text().split():
        for path in list(context.glob(pattern.lstrip("/"))):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    stages: dict[str, Stage] = {}
    stage = Stage(machine=bare)
    for step in parse((checkout / "Dockerfile").read_text()):
        say(f"{step.word} {step.rest[:120]}")
        if step.word == "FROM":
            name = step.rest.split()[-1] if " AS " in step.rest.upper() else f"stage{len(stages)}"
            stage = Stage(machine=bare.copy(folder / f"image-{name}"))
            stages[name] = stage
        else:
            _carry_out(step, stage, stages, context)
    _serve(stage, say)


def apply_setting(line: str, stage: Stage) -> None:
    """What ARG and ENV set; an ARG without a value sets nothing."""
    for pair in shlex.split(line):
        name, is_set, value = pair.partition("=")
        if is_set:
            known = {"PATH": PATH, **stage.env}
            stage.env[name] = Template(value).safe_substitute(known)


def _carry_out(step: Step, stage: Stage, stages: Mapping[str, Stage], context: Path) -> None:
    match step.word:
        case "ARG" | "ENV":
            apply_setting(step.rest, stage)
        case "WORKDIR":
            stage.workdir = step.rest
            _inside(stage.machine, step.rest).mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = step.rest
        case "RUN":
            stage.machine.run(
                ["sh", "-ec", step.rest], cwd=stage.workdir, env=stage.env, user=stage.user
            )
        case "COPY":
            _copy(step.rest, stage, stages, context)
        case "HEALTHCHECK":
            stage.healthcheck = json.loads(step.rest[step.rest.index("[") :])
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(step.rest)
        case "CMD":
            stage.command = json.loads(step.rest)
        case "EXPOSE" | "VOLUME" | "LABEL" | "STOPSIGNAL":
            pass
        case _:
            raise FreshError(f"Dockerfile: {step.word} is not an instruction this tool knows")


def _copy(rest: str, stage: Stage, stages: Mapping[str, Stage], context: Path) -> None:
    words = shlex.split(rest)
    options = [word for word in words if word.startswith("--")]
    *sources, target = [word for word in words if not word.startswith("--")]
    origin = context
    for option in options:
        name, _, value = option.partition("=")
        if name != "--from":
            raise FreshError(f"Dockerfile: COPY {name} is not an option this tool knows")
        origin = stages[value].machine.root
    into = _inside(stage.machine, str(Path(stage.workdir) / target))
    for name in sources:
        source = origin / name.lstrip("/")
        if source.is_dir():
            shutil.copytree(source, into, symlinks=True, dirs_exist_ok=True)
        else:
            is_folder = target.endswith("/") or len(sources) > 1
            destination = into / source.name if is_folder else into
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, destination)


def _serve(stage: Stage, say: Callable[[str], None]) -> None:
    command = [*stage.entrypoint, *stage.command]
    say(f"starting {' '.join(command)} as {stage.user}")
    process = stage.machine.start(command, cwd=stage.workdir, env=stage.env, user=stage.user)
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    try:
        while True:
            try:
                stage.machine.run(
                    stage.healthcheck, cwd=stage.workdir, env=stage.env, user=stage.user
                )
                break
            except FreshError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise FreshError(
                        f"the image's command never became healthy (exit {process.poll()})"
                    ) from None
            time.sleep(1)
        say("healthy")
        os.kill(process.pid, signal.SIGTERM)
        code = process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        raise FreshError(
            f"the image's command did not stop within {STOP_S:.0f} s of SIGTERM"
        ) from None
    finally:
        process.kill()
    if code != 0:
        raise FreshError(f"the image's command: exit {code} after SIGTERM")
    say("stopped by SIGTERM with exit 0")


def _inside(machine: BareDebian, path: str) -> Path:
    return machine.root / path.lstrip("/")
