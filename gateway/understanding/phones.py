"""Telephone numbers in the text: proposed for calling back, never filled in, no digit guessed.

Whose number it is, nobody knows ("骗子的电话是…"), and a recogniser mishears digits easily. So
each is only a suggestion, and one that was heard must be read back to the citizen.
"""

import re
from collections.abc import Iterator, Sequence

import phonenumbers
from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher, PhoneNumberType

from gateway.domain.draft import Suggestion
from gateway.domain.receipt import is_receipt_no
from gateway.understanding.clauses import Span
from gateway.understanding.passages import Passage

RULE = "rule:phone-1"
WRITTEN = 0.6
HEARD = 0.3
MOST = 5
"""Numbers proposed for one draft."""

_NOBODYS = {
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UAN,
}

_SPOKEN = dict(zip("零〇洞一幺二两三四五六七拐八九勾", "0001122345677899", strict=True))
_SPOKEN |= {digit: digit for digit in "0123456789"}
_ENGLISH = dict(
    zip(
        ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        "00123456789",
        strict=True,
    )
)
_PAUSE = r"(?:[\s，,、\-—]|嗯|呃|啊|额){0,3}"
# Only a whole run is a number: part of a longer one, or of 三百二十, would be a guess.
_COUNTING = "十百千万亿点第"
_CHINESE_RUN = re.compile(
    rf"(?<![{''.join(_SPOKEN)}{_COUNTING}])[{''.join(_SPOKEN)}](?:{_PAUSE}[{''.join(_SPOKEN)}]){{9,13}}"
    rf"(?!{_PAUSE}[{''.join(_SPOKEN)}{_COUNTING}])"
)
_ENGLISH_WORD = rf"(?:{'|'.join(_ENGLISH)})"
_ENGLISH_RUN = re.compile(
    rf"\b(?<!double )(?<!triple ){_ENGLISH_WORD}(?:[\s,\-]{{1,3}}{_ENGLISH_WORD}){{6,14}}\b"
    rf"(?![\s,\-]{{1,3}}(?:{_ENGLISH_WORD}|double|triple|hundred|thousand)\b)",
    re.IGNORECASE,
)


def suggestions(
    passages: Sequence[Passage], *, region: str, known: frozenset[str] = frozenset()
) -> Iterator[Suggestion]:
    """Return the numbers in the text that are not among ``known`` (E.164), each once.

    ``region`` (ISO 3166-1 alpha-2) reads numbers written without a country code.
    """
    seen = set(known)
    for passage in passages:
        for number, span in sorted(_numbers(passage.text, region), key=lambda one: one[1]):
            if number in seen:
                continue
            seen.add(number)
            yield Suggestion(
                field="reporter.callback_phone",
                value=number,
                confidence=HEARD if passage.spoken else WRITTEN,
                by=RULE,
                status="suggested",
                evidence=(passage.quote(*span),),
            )
            if len(seen) - len(known) == MOST:
                return


def _numbers(text: str, region: str) -> Iterator[tuple[str, Span]]:
    for match in PhoneNumberMatcher(text, region, leniency=Leniency.VALID):
        if not is_receipt_no(match.raw_string) and (number := _somebodys(match.number)):
            yield number, Span(match.start, match.end)
    for run, digits in ((_CHINESE_RUN, _SPOKEN), (_ENGLISH_RUN, _ENGLISH)):
        for found in run.finditer(text):
            if re.fullmatch(r"[0-9\s,\-]*", found[0]):
                continue  # written in figures: the matcher above has judged it
            spoken = _digits(found[0].lower(), digits)
            if number := _parsed(spoken, region):
                yield number, Span(*found.span())


def _digits(words: str, digits: dict[str, str]) -> str:
    if digits is _ENGLISH:
        return "".join(digits[word] for word in re.split(r"[\s,\-]+", words))
    return "".join(digits.get(character, "") for character in words)


def _parsed(digits: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    # Without its country code a foreign number would be read as one of ours.
    if not phonenumbers.is_valid_number_for_region(number, region):
        return None
    return _somebodys(number)


def _somebodys(number: phonenumbers.PhoneNumber) -> str | None:
    """Return the number as E.164, or None for one that only a service can have."""
    if phonenumbers.number_type(number) in _NOBODYS:
        return None
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return e164 if re.fullmatch(r"\+[1-9][0-9]{6,14}", e164) else None
