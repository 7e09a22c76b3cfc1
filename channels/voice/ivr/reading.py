"""Reads a flow file: either a flow that can be walked, or everything that is wrong with it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from channels.voice.ivr import calendar, checks
from channels.voice.ivr.calendar import Calendar
from channels.voice.ivr.flow import Flow, FlowSettings
from channels.voice.ivr.nodes import KINDS, AnyNode
from channels.voice.ivr.values import NODE_NAME
from gateway.config import Finding, InvalidConfig
from gateway.config import yaml_tree as yt
from gateway.config.gathering import Gathering
from gateway.config.wording import nearest

PAGE = "docs/reference/ivr.md"
_MOST_NODES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A flow that can be walked; ``gathering`` knows its lines, and may find more about it."""

    flow: Flow
    gathering: Gathering


def load(path: Path) -> Flow:
    """Read and check a flow file; raises ``InvalidConfig`` with every finding."""
    return read(path).flow


def read(path: Path) -> Reading:
    """As :func:`load`, together with what knows the lines of the file."""
    try:
        with path.open("rb") as file:
            raw = file.read(yt.MAX_BYTES + 1)
    except (OSError, ValueError):
        raise _alone(path, 1, "file", "cannot be read", "name an existing flow file") from None
    return parse(raw, path)


def parse(raw: bytes, path: Path) -> Reading:
    """As :func:`read`, for bytes already read; calendars are looked for beside ``path``."""
    try:
        tree = yt.read(raw)
    except yt.Unreadable as bad:
        raise _alone(path, bad.line, bad.key, bad.problem, bad.cure) from None
    if not isinstance(tree, yt.Mapping):
        raise _alone(path, tree.line, "file", "is not a list of keys", "start it with flow:")
    gathering = Gathering(path, tree, page=PAGE)
    values = yt.plain(tree)
    nodes = _nodes(gathering, values.pop("nodes", None))
    settings = gathering.validated(FlowSettings, values, ())
    if settings is None or gathering.findings:
        raise InvalidConfig(gathering.findings)
    calendars = _calendars(gathering, settings, path.parent)
    checks.check(gathering, settings, nodes, calendars.keys())
    if gathering.findings:
        raise InvalidConfig(gathering.findings)
    version = f"{settings.flow}@{hashlib.sha256(raw).hexdigest()[:12]}"
    flow = Flow(version=version, settings=settings, nodes=nodes, calendars=calendars)
    return Reading(flow=flow, gathering=gathering)


def _nodes(gathering: Gathering, given: Any) -> Mapping[str, AnyNode]:
    if not isinstance(given, dict) or not given:
        gathering.find(("nodes",), "is missing", "describe the nodes of the flow")
        return {}
    if len(given) > _MOST_NODES:
        gathering.find(("nodes",), f"has more than {_MOST_NODES}", "split the flow")
        return {}
    nodes = {name: _node(gathering, name, values) for name, values in given.items()}
    return {name: node for name, node in nodes.items() if node is not None}


def _node(gathering: Gathering, name: str, values: Any) -> AnyNode | None:
    at = ("nodes", name)
    if not checks.is_name(name, NODE_NAME):
        gathering.find(at, "is no name", "use up to 32 lower case letters, digits and _")
        return None
    if not isinstance(values, dict):
        gathering.find(at, "must be a group of keys", "write for example {kind: goto, to: start}")
        return None
    kind = values.get("kind")
    if not isinstance(kind, str):
        gathering.find((*at, "kind"), "is missing", f"write one of {', '.join(KINDS)}")
        return None
    if kind not in KINDS:
        gathering.find((*at, "kind"), "is no kind of node", nearest(kind, KINDS))
        return None
    return gathering.validated(KINDS[kind], values, at)


def _calendars(
    gathering: Gathering, settings: FlowSettings, folder: Path
) -> Mapping[str, Calendar]:
    calendars = {}
    for name, file in settings.calendars.items():
        try:
            calendars[name] = calendar.load(folder / file)
        except InvalidConfig as invalid:
            gathering.findings.update(invalid.findings)
            gathering.find(("calendars", name), "cannot be used", f"see the findings in {file}")
    return calendars


def _alone(path: Path, line: int, key: str, problem: str, cure: str) -> InvalidConfig:
    return InvalidConfig([Finding(file=str(path), line=line, key=key, problem=problem, cure=cure)])
