"""Whisper's way of asking and answering: special tokens, the prompt before them, words after."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

_OPENING = frozenset("\"'“¿([{-")
_CLOSING = frozenset("\"'.。,，!！?？:：”)]}、")
_BROKEN = "\ufffd"


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read the tokenizer of a model; raises ``Exception`` (the library has no narrower class)."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Specials:
    """The numbers of the tokens that are no text."""

    end: int
    start: int
    language: int
    transcribe: int
    previous: int
    no_timestamps: int
    others: frozenset[int]

    @classmethod
    def of(cls, tokenizer: Tokenizer, language: str) -> "Specials":
        """Look them up; raise KeyError when the model has none of this language."""

        def number(name: str) -> int:
            found = tokenizer.token_to_id(f"<|{name}|>")
            if found is None:
                raise KeyError(name)
            return int(found)

        return cls(
            end=number("endoftext"),
            start=number("startoftranscript"),
            language=number(language),
            transcribe=number("transcribe"),
            previous=number("startofprev"),
            no_timestamps=number("notimestamps"),
            others=frozenset(
                found
                for name in ("translate", "startoflm", "nospeech", "nocaptions")
                if (found := tokenizer.token_to_id(f"<|{name}|>")) is not None
            ),
        )

    @property
    def all(self) -> frozenset[int]:
        """Every one of them."""
        mine = (self.end, self.start, self.language, self.transcribe)
        return self.others.union(mine, (self.previous, self.no_timestamps))

    @property
    def task(self) -> list[int]:
        """What says: write down this language."""
        return [self.start, self.language, self.transcribe]

    def request(self, lead: Sequence[int]) -> list[int]:
        """Return what a transcript begins with when ``lead`` was said before it."""
        before = [self.previous, *lead] if lead else []
        return [*before, *self.task, self.no_timestamps]


def text_tokens(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the tokens of a text that goes on after something."""
    return list(tokenizer.encode(" " + text, add_special_tokens=False).ids)


def words_of(
    tokenizer: Tokenizer, tokens: Sequence[int], *, spaced: bool
) -> list[tuple[str, int, int]]:
    """Split tokens into words: text, first token, first token after.

    A word is what spaces part (``spaced``), else one character; punctuation goes with its
    neighbour. A character of several tokens stays whole.
    """
    pieces = _characters(tokenizer, tokens)
    if spaced:
        pieces = _joined_by_spaces(pieces)
    return [word for word in _with_punctuation(pieces) if word[0].strip()]


def _characters(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[tuple[str, int, int]]:
    pieces: list[tuple[str, int, int]] = []
    first = 0
    for last in range(1, len(tokens) + 1):
        text = tokenizer.decode(list(tokens[first:last]))
        # A character in the making reads as broken; one that never gets whole goes on its own.
        if _BROKEN not in text or last == len(tokens):
            pieces.append((text, first, last))
            first = last
    return pieces


def _joined_by_spaces(pieces: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    words: list[tuple[str, int, int]] = []
    for text, first, last in pieces:
        if not words or text.startswith(" ") or text.strip() in string.punctuation:
            words.append((text, first, last))
        else:
            before, begin, _ = words[-1]
            words[-1] = (before + text, begin, last)
    return words


def _with_punctuation(pieces: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    words: list[tuple[str, int, int]] = []
    opening: tuple[str, int] | None = None
    for text, first, last in pieces:
        bare = text.strip()
        if bare in _OPENING:
            opening = (text, first) if opening is None else (opening[0] + text, opening[1])
            continue
        if bare in _CLOSING and words and opening is None:
            before, begin, _ = words[-1]
            words[-1] = (before + text, begin, last)
            continue
        before, begin = opening or ("", first)
        words.append((before + text, begin, last))
        opening = None
    return words
