"""Renders the pages of channels: Jinja templates out of each channel's own ``templates`` folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


class Pages:
    """The ``PageRenderer`` port for one channel."""

    def __init__(self, folder: Path, site_name: str) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["site_name"] = site_name

    def render(self, template: str, language: str, values: Mapping[str, Any]) -> bytes:
        """Return UTF-8 HTML with every value escaped."""
        page = self._environment.get_template(template)
        return page.render(language=language, **values).encode()
