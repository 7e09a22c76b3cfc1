"""Receipt numbers a citizen can read aloud, and the query codes that open them.

A receipt number (受理编号) is all digits: YYMMDD of the site's local day, a six-digit daily counter
and one Luhn check digit (ISO/IEC 7812-1 Annex B), which catches every single wrong digit and nearly
all swapped neighbours.
"""

import hashlib
import hmac
from datetime import date

_COUNTER_DIGITS = 6
RECEIPT_PATTERN = r"^[0-9]{10,20}$"


def check_digit(digits: str) -> str:
    """Return the Luhn check digit of a string of decimal digits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def receipt_no(day: date, count: int) -> str:
    """Return the receipt number of the ``count``-th case (from 1) of the local ``day``.

    A day with more than 999,999 cases keeps working: the number grows by a digit.
    """
    body = f"{day:%y%m%d}{count:0{_COUNTER_DIGITS}d}"
    return body + check_digit(body)


def is_receipt_no(text: str) -> bool:
    """Tell whether ``text`` is a well-formed receipt number with a right check digit."""
    return (
        text.isascii()
        and text.isdigit()
        and 10 <= len(text) <= 20
        and check_digit(text[:-1]) == text[-1]
    )


def query_code(key: bytes, draft_id: str) -> str:
    """Return the six-digit query code (提取码) of a draft, the same each time for one site key.

    It is derived, not drawn: a repeated request with the same idempotency key must get the first
    answer again although the store keeps only :func:`query_code_hash`.
    """
    mac = hmac.digest(key, b"query-code:" + draft_id.encode(), hashlib.sha256)
    return f"{int.from_bytes(mac[:8], 'big') % 1_000_000:06d}"


def query_code_hash(key: bytes, draft_id: str, code: str) -> str:
    """Return what is stored of a query code: a keyed hash that is useless without the site key."""
    message = f"query-code-hash:{draft_id}:{code}".encode()
    return hmac.digest(key, message, hashlib.sha256).hex()
