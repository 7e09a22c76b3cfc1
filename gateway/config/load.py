"""Turns a configuration file into a :class:`Config`, or into everything that is wrong with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.config import references, shape, yaml_tree
from gateway.config.findings import Finding, InvalidConfig
from gateway.config.gathering import Gathering
from gateway.config.model import Config
from gateway.config.settings import ChannelSettings
from gateway.config.wording import Location, nearest

_Kinds = Mapping[str, type[ChannelSettings]]


def load(
    path: Path,
    *,
    channel_settings: Mapping[str, type[ChannelSettings]],
    env: Mapping[str, str],
    data: Path | None = None,
) -> Config:
    """Read and check a configuration; raise :class:`InvalidConfig` with every finding.

    ``channel_settings`` holds the settings class of each channel kind that is installed, ``env``
    the variables that ``${NAME}`` may name. ``data`` overrides the data directory.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(yaml_tree.MAX_BYTES + 1)
    except (OSError, ValueError):
        raise _alone(path, "cannot be read", "name an existing file with --config FILE") from None
    return parse(raw, path=path, channel_settings=channel_settings, env=env, data=data)


def parse(
    raw: bytes,
    *,
    path: Path,
    channel_settings: Mapping[str, type[ChannelSettings]],
    env: Mapping[str, str],
    data: Path | None = None,
) -> Config:
    """As :func:`load`, for bytes already read; ``path`` is for messages and for ``file:``."""
    try:
        tree = yaml_tree.read(raw)
    except yaml_tree.Unreadable as bad:
        raise _alone(path, bad.problem, bad.cure, line=bad.line, key=bad.key) from None
    if not isinstance(tree, yaml_tree.Mapping):
        raise _alone(path, "is not a list of keys", "start it with site:", line=tree.line)
    reading = _Reading(path, tree, channel_settings, env)
    config = reading.config()
    if config is None or reading.findings:
        raise InvalidConfig(reading.findings)
    return config.with_data(data or config.data)


class _Reading:
    """One pass over one file: gathers findings instead of stopping at the first."""

    def __init__(
        self, path: Path, tree: yaml_tree.Mapping, kinds: _Kinds, env: Mapping[str, str]
    ) -> None:
        self._path = path
        self._tree = tree
        self._kinds = kinds
        self._env = env
        self._gathering = Gathering(path, tree, _label)

    @property
    def findings(self) -> set[Finding]:
        return self._gathering.findings

    def config(self) -> Config | None:
        given = self._values(self._tree, Config, ())
        if isinstance(channels := given.get("channels"), list):
            accounts = [self._channel(values, index) for index, values in enumerate(channels)]
            given["channels"] = [account for account in accounts if account]
        self._only_once("channels", "kind", "account")
        self._only_once("endpoints", "name")
        return self._gathering.validated(Config, given, ())

    def _channel(self, values: Any, index: int) -> ChannelSettings | None:
        at: Location = ("channels", index)
        if not isinstance(values, dict):
            self._gathering.find(at, "must be a group of keys", "write {kind: …, account: …}")
            return None
        kind = values.get("kind")
        if not isinstance(kind, str):
            self._gathering.find(
                (*at, "kind"), "is missing", f"write one of {', '.join(self._kinds)}"
            )
            return None
        if kind not in self._kinds:
            self._gathering.find(
                (*at, "kind"), "is not a channel of this gateway", nearest(kind, self._kinds)
            )
            return None
        return self._gathering.validated(self._kinds[kind], values, at)

    def _values(self, node: yaml_tree.Node, annotation: Any, at: Location) -> Any:
        """The plain values of a node, with everything it refers to put in."""
        if len(at) == 2 and at[0] == "channels":
            annotation = self._settings_of(node)
        match node:
            case yaml_tree.Mapping():
                return {
                    item.key: self._values(
                        item.value, shape.child(annotation, item.key), (*at, item.key)
                    )
                    for item in node.items
                }
            case yaml_tree.Sequence():
                return [
                    self._values(item, shape.child(annotation, index), (*at, index))
                    for index, item in enumerate(node.items)
                ]
            case yaml_tree.Scalar():
                return self._scalar(node, annotation, at)

    def _scalar(self, node: yaml_tree.Scalar, annotation: Any, at: Location) -> str | None:
        if node.text is None:
            return None
        secret = shape.is_secret(annotation)
        if secret and not references.refers(node.text):
            self._gathering.find(
                at,
                "is a secret and must not stand in the file",
                "put it in the environment and write ${NAME}, or in a file and write file:PATH",
            )
            return node.text
        try:
            if secret and node.text.startswith("file:"):
                return references.from_file(node.text, self._path.parent)
            return references.from_environment(node.text, self._env)
        except references.Unresolved as unresolved:
            self._gathering.find(at, unresolved.problem, unresolved.cure)
            return node.text

    def _settings_of(self, node: yaml_tree.Node) -> type[ChannelSettings]:
        return self._kinds.get(_text(node, "kind") or "", ChannelSettings)

    def _only_once(self, group: str, *keys: str) -> None:
        """Find what has the same name as another one in a list."""
        item = self._tree.get(group)
        lines: dict[tuple[str | None, ...], int] = {}
        for index, node in enumerate(_items(item.value) if item else ()):
            name = tuple(_text(node, key) for key in keys)
            if None not in name and name in lines:
                self._gathering.find(
                    (group, index, keys[-1]),
                    f"is the same as in line {lines[name]}",
                    "give each its own",
                )
            lines.setdefault(name, node.line)


def _label(node: yaml_tree.Node) -> str | None:
    """What people call one account or endpoint, when the file says it."""
    kind, account, name = (_text(node, key) for key in ("kind", "account", "name"))
    label = f"{kind}/{account}" if kind and account else name
    return yaml_tree.printable(label) if label else None


def _text(node: yaml_tree.Node, key: str) -> str | None:
    item = node.get(key) if isinstance(node, yaml_tree.Mapping) else None
    return item.value.text if item and isinstance(item.value, yaml_tree.Scalar) else None


def _items(node: yaml_tree.Node) -> tuple[yaml_tree.Node, ...]:
    return node.items if isinstance(node, yaml_tree.Sequence) else ()


def _alone(
    path: Path, problem: str, cure: str, *, line: int = 1, key: str = "file"
) -> InvalidConfig:
    return InvalidConfig([Finding(file=str(path), line=line, key=key, problem=problem, cure=cure)])
