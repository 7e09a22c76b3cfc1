"""Telephone numbers as callers give and hear them: keyed, read back, told apart."""

import re
from typing import Literal

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

Line = Literal["mobile", "landline", "other"]


def dialable(number: str | None) -> bool:
    """Tell whether somebody can be called back at this address: E.164 and nothing else."""
    return bool(number and re.fullmatch(r"\+[1-9]\d{6,14}", number, re.ASCII))


def line(number: str | None, region: str) -> Line:
    """Tell a mobile from a landline; ``other`` when the number does not tell."""
    parsed = _parsed(number or "", region)
    kind = phonenumbers.number_type(parsed) if parsed else None
    if kind == PhoneNumberType.MOBILE:
        return "mobile"
    return "landline" if kind == PhoneNumberType.FIXED_LINE else "other"


def completed(keyed: str, region: str, area_code: str) -> str | None:
    """Return keyed digits in E.164, None when they are no number; without area code: the site's."""
    for digits in (keyed, area_code + keyed if area_code else ""):
        parsed = _parsed(digits, region)
        if parsed and phonenumbers.is_valid_number(parsed):
            return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    return None


def read_out(number: str, region: str) -> str:
    """Return the digits of a number as people of ``region`` say them."""
    parsed = _parsed(number, region) if number.startswith("+") else None
    if parsed is None:
        return re.sub(r"\D", "", number, flags=re.ASCII)
    here = phonenumbers.region_code_for_number(parsed) == region
    kind = PhoneNumberFormat.NATIONAL if here else PhoneNumberFormat.E164
    digits = re.sub(r"\D", "", phonenumbers.format_number(parsed, kind), flags=re.ASCII)
    return digits if here else f"00{digits}"


def _parsed(number: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except NumberParseException:
        return None
