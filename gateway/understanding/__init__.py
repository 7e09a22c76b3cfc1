"""Reads a citizen's words and proposes fields, each with the very words it was taken from."""

from gateway.understanding.passages import Passage
from gateway.understanding.places import Places
from gateway.understanding.reading import (
    EntryRule,
    apply,
    found_in,
    suggestions,
    understand,
)

__all__ = ["EntryRule", "Passage", "Places", "apply", "found_in", "suggestions", "understand"]
