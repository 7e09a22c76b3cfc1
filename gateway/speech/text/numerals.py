"""Chinese number words and the figures they stand for, read strictly: what is vague is no number.

三五 (three to five), 七八十 and 十几 name no number, so they have no figures.
"""

import re
from itertools import pairwise

DIGITS = "零〇一二三四五六七八九"
"""Read one by one they are a row of figures: 二零二四."""

UNITS = "十百千万亿"

COUNTING = DIGITS + "两" + UNITS
"""Everything a cardinal is made of."""

ROW = DIGITS + "幺"
"""Everything a row of figures is made of; 幺 is how 1 is said in telephone numbers."""

ANY = COUNTING + "幺"

_VALUES: dict[str, int] = dict(zip(DIGITS + "两幺", (0, 0, *range(1, 10), 2, 1), strict=True))
_SECTION = re.compile(
    r"(?:(?P<thousands>[一二两三四五六七八九])千)?"
    r"(?:(?P<zero_h>[零〇])?(?P<hundreds>[一二两三四五六七八九])百)?"
    r"(?:(?P<zero_t>[零〇])?(?P<tens>[一二三四五六七八九])?(?P<ten>十))?"
    r"(?:(?P<zero_o>[零〇])?(?P<ones>[一二两三四五六七八九]))?"
)


def row(words: str) -> str | None:
    """Return the figures of number words that are read one by one; None when they are not."""
    if not words or any(word not in ROW for word in words):
        return None
    return "".join(str(_VALUES[word]) for word in words)


def vague(words: str) -> bool:
    """Say whether words in a row name neighbours (七八, 一二三) or three to five, not figures."""
    values = [_VALUES[word] for word in words if word in _VALUES]
    if len(values) != len(words) or not 2 <= len(values) <= 5:
        return False
    return words in {"三五", "两三"} or all(b - a == 1 for a, b in pairwise(values))


def cardinal(words: str, *, colloquial: bool = False) -> int | None:
    """Return the value of one cardinal such as 一万五千八百; None for anything else.

    ``colloquial`` also takes 三千二 for 3200: only money is told like that.
    """
    if words in {"零", "〇"}:
        return 0
    return _large(words, colloquial=colloquial)


def _large(words: str, *, colloquial: bool) -> int | None:
    for unit, size in (("亿", 100_000_000), ("万", 10_000)):
        head, found, tail = words.partition(unit)
        if not found:
            continue
        more = cardinal(head) if "亿" not in head else None
        if not more:
            return None
        if not tail:
            return more * size
        if colloquial and len(tail) == 1 and tail in _VALUES and _VALUES[tail]:
            return more * size + _VALUES[tail] * size // 10
        bare = tail.lstrip("零〇")
        # After a whole 万 a single figure needs its 零: 三万五 is not 30005.
        if len(tail) - len(bare) > 1 or (len(tail) == 1 and tail != "零"):
            return None
        rest = _large(bare, colloquial=colloquial)
        return None if not rest or rest >= size else more * size + rest
    return _section(words, colloquial=colloquial)


def _section(words: str, *, colloquial: bool) -> int | None:
    found = _SECTION.fullmatch(words)
    if not words or found is None:
        return None
    part = found.groupdict()
    thousands, hundreds, ones = (
        _VALUES.get(part[name] or "", 0) for name in ("thousands", "hundreds", "ones")
    )
    tens: int = (_VALUES[part["tens"]] if part["tens"] else 1) if part["ten"] else 0
    higher = bool(thousands or hundreds)
    if (part["zero_h"] and not thousands) or (part["zero_t"] and (hundreds or not higher)):
        return None
    if part["ones"]:
        if part["zero_o"] and (tens or not higher):
            return None
        if part["ones"] == "两" and (higher or tens):
            return None
        if higher and not tens and not part["zero_o"]:
            if not colloquial:
                return None
            return thousands * 1000 + hundreds * 100 + ones * (10 if hundreds else 100)
    return thousands * 1000 + hundreds * 100 + tens * 10 + ones


def figures(value: int) -> str:
    """Write a number as people do: 15800, but 3万 and 1亿3000万."""
    whole, rest = divmod(value, 100_000_000)
    if whole and rest % 10_000 == 0:
        return f"{whole}亿" + (f"{rest // 10_000}万" if rest else "")
    if value and value % 10_000 == 0:
        return f"{value // 10_000}万"
    return str(value)
