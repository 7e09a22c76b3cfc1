"""The form in which an engine is told what to expect, where it reads a file."""

from collections.abc import Iterable


def hotwords(words: Iterable[str]) -> str:
    """Return the content of a sherpa-onnx ``hotwords_file``: one phrase a line.

    For models whose ``modeling_unit`` is ``cjkchar``; a colon would begin a score, so words with
    one are left out (k2-fsa.github.io/sherpa/onnx/hotwords).
    """
    return "".join(f"{word}\n" for word in words if ":" not in word)
