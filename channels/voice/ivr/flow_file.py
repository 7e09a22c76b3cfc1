"""A flow file that may be edited while calls go on: a mistake in it never takes a flow away."""

from collections.abc import Mapping
from pathlib import Path

from channels.voice.ivr.engine import FlowWalk
from channels.voice.ivr.reading import load
from channels.voice.ivr.state import version_of
from channels.voice.ivr.steps import StaleState, Walk
from gateway.channel.ports import Log
from gateway.config import InvalidConfig

_KEPT = 4


class FlowFile:
    """The flow of a file, and the ones it held before, for calls that are still on them."""

    def __init__(self, path: Path, log: Log) -> None:
        """Read the file; raises ``InvalidConfig`` when it cannot be used."""
        self._path = path
        self._log = log
        walk = FlowWalk(load(path))
        self._walks: Mapping[str, FlowWalk] = {walk.version: walk}

    @property
    def walk(self) -> FlowWalk:
        """What a call that begins now is led through."""
        return list(self._walks.values())[-1]

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes when somebody writes the file; zeros while there is none."""
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)

    def walk_of(self, state: str) -> Walk:
        """Return the walk that a state belongs to; raises ``StaleState`` when it is gone."""
        known = self._walks.get(version_of(state))
        if known is None:
            raise StaleState("the state belongs to another flow, or to another version of it")
        return known

    def read_again(self) -> bool:
        """Read the file again and tell whether the flow changed; a mistake is only logged."""
        try:
            walk = FlowWalk(load(self._path))
        except InvalidConfig as invalid:
            for finding in invalid.findings:
                self._log.warning(
                    "flow_not_reloaded",
                    file=finding.file,
                    line=finding.line,
                    key=finding.key,
                    problem=finding.problem,
                    cure=finding.cure,
                )
            return False
        changed = walk.version != self.walk.version
        others = {name: one for name, one in self._walks.items() if name != walk.version}
        self._walks = dict([*others.items(), (walk.version, walk)][-_KEPT:])
        if changed:
            self._log.info("flow_reloaded", flow=walk.version)
        return changed
