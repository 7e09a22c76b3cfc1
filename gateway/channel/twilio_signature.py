"""Twilio signs the public URL and every form field: one check for all channels Twilio carries.

The algorithm is pinned to HMAC-SHA1 with the account's auth token. Twilio's second scheme, a header
that names HMAC-SHA256 and a shared key, is refused: a request must not choose how it is judged.
Every message passes here, so the check is our own and the library's is the tests' oracle
(docs/adr/0007).
Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security and twilio.request_validator.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha1
from itertools import chain
from operator import itemgetter
from typing import Any
from urllib.parse import urlsplit

from twilio.request_validator import (
    HMAC_SHA1,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    add_port,
    get_signature_algorithm,
    remove_port,
)

from gateway.channel.errors import Unverified
from gateway.channel.form import form
from gateway.channel.mac import Mac
from gateway.channel.wire import RawRequest


class TwilioSignature:
    """Checks requests for one account.

    Several tokens are in force while one replaces another. ``expected`` names the fields that must
    be there: the signature runs names and values together, so a form with ``From=+1&Body=a`` and
    one with ``BodyaFrom=+1`` sign alike.
    """

    def __init__(self, account_sid: str, tokens: Sequence[str], *, expected: Sequence[str]) -> None:
        self._account_sid = account_sid
        self._keys = [Mac(token.encode(), sha1) for token in tokens]
        self._expected = tuple(expected)

    def check(self, raw: RawRequest) -> Mapping[str, str]:
        """Return the signed form; raise ``Unverified`` unless Twilio signed it for our account."""
        settings = raw.headers.get(SIGNATURE_SETTINGS_HEADER)
        if settings is not None and get_signature_algorithm(settings) != HMAC_SHA1:
            raise Unverified("signed with an algorithm that is not configured")
        signature = raw.headers.get(SIGNATURE_HEADER)
        if not signature:
            raise Unverified("no signature")
        try:
            fields = form(raw.body)
        except ValueError:
            raise Unverified("not a form") from None
        if not self._signed(raw.url, fields, signature.encode("utf-8", "surrogateescape")):
            raise Unverified("the signature does not match")
        for name in self._expected:
            if not fields.get(name):
                raise Unverified("fields are missing")
        if fields.get("AccountSid") != self._account_sid:
            raise Unverified("another account")
        return fields

    def _signed(self, url: str, fields: Mapping[str, str], given: bytes) -> bool:
        said = _said(fields)
        if self._matches(url + said, given):
            return True
        # Twilio is known to sign a URL now with, now without its port (see the library).
        parts = urlsplit(url)
        others = {add_port(parts), remove_port(parts)} - {url}
        return any(self._matches(other + said, given) for other in others)

    def _matches(self, signed: str, given: bytes) -> bool:
        text = signed.encode()
        for key in self._keys:
            if hmac.compare_digest(b2a_base64(key.digest(text), newline=False), given):
                return True
        return False


def _said(fields: Mapping[str, str]) -> str:
    """Return the distinct names and values, by name and then by value."""
    if isinstance(fields, dict) and len(fields) > 1:  # no name twice
        names, values = _in_order(tuple(fields))
        return "".join(chain.from_iterable(zip(names, values(fields), strict=True)))
    return "".join([name + value for name, value in sorted(set(fields.items()))])


# Twilio sends the same fields time and again.
@lru_cache(maxsize=16)
def _in_order(names: tuple[str, ...]) -> tuple[list[str], Callable[[Mapping[str, str]], Any]]:
    """Return two or more names sorted, and what gets their values in that order."""
    ordered = sorted(names)
    return ordered, itemgetter(*ordered)
