"""The request type, from words that state it ("我要投诉") and from nothing else.

Never counted: words inside quotation marks, after a negation ("不是我要投诉"), behind a condition
("再不处理我就要投诉了"), and what somebody else said ("物业叫我先投诉").
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.domain.draft import RequestType, Suggestion
from gateway.understanding.clauses import GREETING, Span, after, clauses, sentences
from gateway.understanding.passages import Passage
from gateway.understanding.type_words import OUTRIGHT, POLITELY, Words

RULE = "rule:type-words-1"
STATED = 0.9
STATED_IN_SPEECH = 0.6
CONTRADICTED = 0.3

_QUOTES = re.compile(r"“[^“”]*”|「[^「」]*」|『[^『』]*』|‘[^‘’]*’|《[^《》]*》|\"[^\"]*\"")
_NEGATED = re.compile(
    r"(?:[不没别非]|没有|不[是用必要想]|无意)$|\b(?:not|never|no|without|\w+n['’]t)\b[^,.;]{0,20}$",
    re.IGNORECASE,
)
_SOMEBODY_ELSE = re.compile(
    r"(?:说|称|表示|讲|告诉我?们?|让|叫|劝|问)[^，,。]{0,4}$|\b(?:says?|said|told|tells|asked)\b[^,.;]{0,25}$",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"如果|要是|假如|假设|倘若|再不|否则|不然|\b(?:if|unless|otherwise|or else)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    type: RequestType
    passage: Passage
    span: Span


def suggestion(passages: Sequence[Passage]) -> Suggestion | None:
    """Return the stated type, a conflict when several are stated, None when none is.

    A conflict names no type: ``value`` stays ``unclassified`` and ``alternatives`` lists what was
    said, in the order it was said.
    """
    said = list(_statements(passages, OUTRIGHT)) or list(_statements(passages, POLITELY))
    first = {one.type: one for one in reversed(said)}
    stated = [one for one in said if first[one.type] is one]
    if not stated:
        return None
    evidence = tuple(one.passage.quote(*one.span) for one in stated)
    if len(stated) > 1:
        return Suggestion(
            field="request.type",
            value="unclassified",
            confidence=CONTRADICTED,
            by=RULE,
            status="conflict",
            evidence=evidence,
            alternatives=tuple(one.type for one in stated),
        )
    only = stated[0]
    return Suggestion(
        field="request.type",
        value=only.type,
        confidence=STATED_IN_SPEECH if only.passage.spoken else STATED,
        by=RULE,
        status="stated",
        evidence=evidence,
    )


def _statements(
    passages: Sequence[Passage], words: Mapping[RequestType, Words]
) -> Iterator[_Statement]:
    for passage in passages:
        quoted = [Span(*found.span()) for found in _QUOTES.finditer(passage.text)]
        for sentence in sentences(passage.text):
            for clause in clauses(passage.text, sentence):
                found = [
                    _Statement(type=type_, passage=passage, span=span)
                    for type_, how in words.items()
                    for span in _matches(how, passage.text, clause)
                    if not _inside(span, quoted)
                    and _is_meant(passage.text, sentence.start, clause.start, span.start)
                ]
                found.sort(key=lambda one: (one.span.start, -one.span.end))
                yield from _outermost(found)


def _matches(how: Words, text: str, clause: Span) -> Iterator[Span]:
    start = after(GREETING, text, clause)
    if begun := how.begins.match(text, start, clause.end):
        yield Span(*begun.span())
    for found in how.anywhere.finditer(text, start, clause.end):
        yield Span(*found.span())


def _is_meant(text: str, sentence_start: int, clause_start: int, start: int) -> bool:
    before = text[clause_start:start]
    return not (
        _NEGATED.search(before)
        or _SOMEBODY_ELSE.search(before)
        or _CONDITION.search(text, sentence_start, start)
    )


def _inside(span: Span, ranges: Sequence[Span]) -> bool:
    return any(one.start <= span.start and span.end <= one.end for one in ranges)


def _outermost(statements: Sequence[_Statement]) -> Iterator[_Statement]:
    """Leave out what lies within the words of another: 我要投诉 is not 要投诉 once more."""
    if statements:
        yield statements[0]
    for before, one in pairwise(statements):
        if one.span.start >= before.span.end:
            yield one
