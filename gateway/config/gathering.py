"""Gathers everything that is wrong with one file, each finding with its line and its full name."""

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.config import yaml_tree
from gateway.config.findings import Finding
from gateway.config.wording import REFERENCE_PAGE, Location, wording

_Model = TypeVar("_Model", bound=BaseModel)


class Gathering:
    """The findings about one tree; ``label`` tells what people call an item of a list.

    ``page`` of the documentation describes what may stand in the file.
    """

    def __init__(
        self,
        path: Path,
        tree: yaml_tree.Mapping,
        label: Callable[[yaml_tree.Node], str | None] = lambda _: None,
        page: str = REFERENCE_PAGE,
    ) -> None:
        self._path = path
        self._tree = tree
        self._label = label
        self._page = page
        self._reported: set[Location] = set()
        self.findings: set[Finding] = set()

    def validated(self, model: type[_Model], values: Any, at: Location) -> _Model | None:
        """Make a model of plain values, or find what is wrong with them."""
        try:
            return model.model_validate(values)
        except ValidationError as invalid:
            # The innermost first: what is wrong around them is only their consequence.
            errors = invalid.errors(include_url=False)
            for error in sorted(errors, key=lambda error: -len(error["loc"])):
                # Says only that another finding kept a default from being worked out.
                if error["type"] != "default_factory_not_called":
                    problem, cure = wording(error, model, self._page)
                    self.find((*at, *error["loc"]), problem, cure)
            return None

    def find(self, at: Location, problem: str, cure: str) -> None:
        """Keep a finding, unless one about the same place, around it or inside it is known."""
        if any(all(map(operator.eq, at, known)) for known in self._reported):
            return
        self._reported.add(at)
        line, key = self.place(at)
        self.findings.add(
            Finding(file=str(self._path), line=line, key=key, problem=problem, cure=cure)
        )

    def place(self, at: Location) -> tuple[int, str]:
        """The line of a location and its name, ``channels[sms/main].auth_token`` for example."""
        node: yaml_tree.Node | None = self._tree
        line, name = self._tree.line, ""
        for part in at:
            match node, part:
                case yaml_tree.Mapping(), str():
                    item = node.get(part)
                    line, node = (item.line, item.value) if item else (line, None)
                    name += ("." if name else "") + yaml_tree.printable(part)
                case yaml_tree.Sequence(), int() if part < len(node.items):
                    node = node.items[part]
                    line = node.line
                    name += f"[{self._label(node) or part}]"
                case _:
                    node = None
                    name += f".{part}" if isinstance(part, str) else f"[{part}]"
        return line, name or "file"
