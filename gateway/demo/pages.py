"""The sample backend's pages: its list of cases, and one case with all that came with it."""

from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.demo.cases import Case
from gateway.domain.draft import encode


class CasePages:
    """Renders cases for people, with times of their own time zone."""

    def __init__(self, timezone: tzinfo) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["local"] = lambda at: f"{at.astimezone(timezone):%m-%d %H:%M:%S}"

    def every(self, cases: Sequence[Case], *, endpoint: str) -> str:
        """Return the list of cases, which looks for news by itself."""
        return self._templates.get_template("list.html").render(cases=cases, endpoint=endpoint)

    def one(self, case: Case) -> str:
        """Return one case."""
        document = msgspec.json.format(encode(case.draft), indent=2).decode()
        return self._templates.get_template("case.html").render(case=case, document=document)
