"""Which words of the city are expected on one call: those of its branch and entry come first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

EXPECTED_MOST = 60
"""Words handed to an engine for one call unless it asks for another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """Words in the order of the files, each once in its group."""

    streets: tuple[str, ...] = ()
    communities: tuple[str, ...] = ()
    agencies: tuple[str, ...] = ()
    topic_words: tuple[str, ...] = ()
    by_entry: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_topic: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def places(self) -> tuple[str, ...]:
        """Streets and communities: names that stand for a place."""
        return tuple(dict.fromkeys((*self.streets, *self.communities)))

    @property
    def size(self) -> int:
        """How many different words there are."""
        return len(
            set(self._all(None, None)).union(*self.by_entry.values(), *self.by_topic.values())
        )

    def words(
        self, entry: str | None = None, topic: str | None = None, limit: int = EXPECTED_MOST
    ) -> tuple[str, ...]:
        """Return at most ``limit`` words to expect, the likeliest first.

        ``entry`` is the number that was dialled, ``topic`` the branch of the menu. An engine that
        is told many words is helped less by each, so it takes as many from the front as it can.
        """
        return tuple(dict.fromkeys(self._all(entry, topic)))[:limit]

    def _all(self, entry: str | None, topic: str | None) -> chain[str]:
        return chain(
            self.by_topic.get(topic or "", ()),
            self.by_entry.get(entry or "", ()),
            self.topic_words,
            self.agencies,
            self.streets,
            self.communities,
        )
