"""The words of every page and every refusal, in each language the form speaks."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from channels.web.problems import Problem
from gateway.channel import RawRequest

TEMPLATES = Path(__file__).parent / "templates"

Words = Mapping[str, Any]
"""One language: nested tables of ``templates/messages.toml``."""


class Catalogue:
    """All languages of ``templates/messages.toml``; ``usual`` is that of a visitor not known."""

    def __init__(self, usual: str) -> None:
        with (TEMPLATES / "messages.toml").open("rb") as file:
            self._languages: dict[str, Words] = tomllib.load(file)
        self._usual = self._match(usual) or next(iter(self._languages))

    @property
    def languages(self) -> tuple[str, ...]:
        """The BCP 47 tags on offer, the first one being the first of the file."""
        return tuple(self._languages)

    @property
    def usual(self) -> str:
        """The language for a visitor whose own is not on offer."""
        return self._usual

    def words(self, language: str) -> Words:
        """Return the words of one of :attr:`languages`."""
        return self._languages[language]

    def language_of(self, raw: RawRequest) -> str:
        """Choose by ``?lang=``, then ``Accept-Language`` (RFC 9110 §12.5.4), then the site's."""
        for wanted in parse_qs(raw.query, max_num_fields=20).get("lang", [])[:1]:
            if found := self._match(wanted):
                return found
        accepted = raw.headers.get("accept-language", "")[:500]
        ranked = []
        for place, entry in enumerate(accepted.split(",")[:20]):
            tag, _, weight = entry.strip().partition(";q=")
            try:
                ranked.append((-float(weight or 1), place, tag.strip()))
            except ValueError:
                continue
        for weight_, _, tag in sorted(ranked):
            if weight_ < 0 and (found := self._match(tag)):
                return found
        return self._usual

    def say(self, language: str, problem: Problem) -> tuple[str, str]:
        """Return what is wrong and what to do about it."""
        entry = self._languages[language]["problem"][problem.code]
        return entry["what"].format(**problem.values), entry["cure"].format(**problem.values)

    def _match(self, tag: str) -> str | None:
        primary = tag.lower().partition("-")[0]
        for language in self._languages:
            if language.lower().partition("-")[0] == primary:
                return language
        return None
