"""English number words read figure by figure ("one two three four") as figures; nothing else."""

import re
from collections.abc import Iterator

_FIGURES = {
    **dict(
        zip(
            ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
            "0123456789",
            strict=True,
        )
    ),
    "oh": "0",
}
_TIMES = {"double": 2, "triple": 3}
_FIGURE = f"(?:{'|'.join(_FIGURES)})"
_ITEM = f"(?:(?:double|triple)[ -])?{_FIGURE}"
# Three figures may count something ("one two three, go"), four hardly.
_LEAST = 4
_RUN = re.compile(
    rf"(?<![\w-]){_ITEM}(?:[ -]{_ITEM}){{2,}}"
    r"(?![\w-])(?![ -](?:hundred|thousand|million|double|triple|point|and a half)\b)",
    re.IGNORECASE,
)


def runs(text: str) -> Iterator[tuple[int, int, str]]:
    """Return start, end and figures of every row of four or more."""
    for found in _RUN.finditer(text):
        times, figures = 1, ""
        for word in re.split("[ -]", found[0].lower()):
            if word in _TIMES:
                times = _TIMES[word]
            else:
                figures += _FIGURES[word] * times
                times = 1
        if len(figures) < _LEAST:
            continue
        # An "oh" before the row is a sigh more often than a figure.
        if not found[0].lower().startswith("oh ") or len(figures) >= 7:
            yield *found.span(), figures
