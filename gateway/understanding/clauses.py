"""Where sentences and clauses begin and end, and how far into one the greeting reaches."""

import re
from collections.abc import Iterator
from typing import NamedTuple

# A full stop ends a sentence, the point in 3.5 or in gov.cn does not; likewise 8:30 and 1,000.
_SENTENCE_END = re.compile(r"[。！？!?；;…\r\n]+|\.(?=\s|$)")
_CLAUSE_END = re.compile(r"[。！？!?；;…\r\n，：]+|\.(?=\s|$)|[,:](?!\d)|(?<!\d)[,:]")

GREETING = re.compile(
    r"[\s，,。.、：:！!～~\-—]+"
    r"|喂+|你们好|你好|您好|大家好|哈喽|领导好|同志(?=你好|您好|[，,])"
    r"|(?:嗯|呃|哎|唉|诶|啊|额)+(?=[\s，,、。]|我|你好|您好)"
    r"|(?:那个|这个|就是说|就是)(?=[\s，,、])"
    r"|是这样(?:子)?的?(?=[\s，,、。：:]|啊|我)"
    r"|尊敬的[^，,：:。\s]{1,12}(?=[，,：:\s])"
    r"|(?:(?:请问)?(?:您|你|这里|这边|你们)?(?:这里|这边|那边)?是(?:不是)?)?"
    r"(?:12345|市长热线|政务热线|市民热线|热线)(?:热线)?(?:吗|么)?(?=[\s，,。？?：:]|你好|您好)[？?]?"
    r"|我(?:叫|姓)[^，,。\s]{1,6}(?=[，,。])"
    r"|(?:hello|hi|hey|good (?:morning|afternoon|evening))\b(?: there\b| everyone\b)?"
    r"|dear [a-z ]{1,30}(?=[,:])"
    r"|(?:um+|uh+|er|well|okay|ok|so|yes)\b(?=[,\s])"
    r"|my name is [^,.;]{1,30}(?=[,.])",
    re.IGNORECASE,
)
"""One opening that says nothing of the matter: a greeting, a hesitation, the caller's own name."""


class Span(NamedTuple):
    """Characters from ``start`` up to ``end`` of a text."""

    start: int
    end: int


def sentences(text: str) -> Iterator[Span]:
    """Return the sentences of a text without their final marks."""
    return _pieces(text, Span(0, len(text)), _SENTENCE_END)


def clauses(text: str, within: Span) -> Iterator[Span]:
    """Return the clauses of one sentence without the marks between them."""
    return _pieces(text, within, _CLAUSE_END)


def after(opening: re.Pattern[str], text: str, span: Span) -> int:
    """Return where a span goes on once every opening at its beginning is skipped."""
    start = span.start
    while start < span.end and (found := opening.match(text, start, span.end)):
        if found.end() == start:
            break
        start = found.end()
    return start


def _pieces(text: str, within: Span, end_mark: re.Pattern[str]) -> Iterator[Span]:
    start = within.start
    for mark in end_mark.finditer(text, within.start, within.end):
        if mark.start() > start:
            yield Span(start, mark.start())
        start = mark.end()
    if start < within.end:
        yield Span(start, within.end)
