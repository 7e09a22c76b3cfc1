"""Who got in touch: one address of one person on one medium, written ``scheme:id``."""

import phonenumbers

from gateway.domain.errors import GatewayError


class BadContact(GatewayError):
    """A contact that is not of the form ``scheme:id``."""


def contact(scheme: str, identity: str) -> str:
    """Return the contact ``scheme:id``; raise :class:`BadContact` when either part is unusable."""
    if not scheme.isascii() or not scheme.replace("-", "").isalnum() or not scheme.islower():
        raise BadContact(
            "a contact's scheme must be lower-case letters", "name the medium, e.g. tel"
        )
    if not identity or len(identity) > 200 or any(ord(c) < 0x20 for c in identity):
        raise BadContact(
            "a contact's id must have 1 to 200 printable characters",
            "drop the message as malformed",
        )
    return f"{scheme}:{identity}"


def phone_of(contact_: str) -> str | None:
    """Return the E.164 number of a ``tel:`` contact, or None for every other kind."""
    scheme, _, identity = contact_.partition(":")
    return identity if scheme == "tel" and identity.startswith("+") else None


def e164(text: str, region: str = "CN") -> str | None:
    """Return a telephone number as E.164, or None when it cannot be one.

    ``region`` (ISO 3166-1 alpha-2) reads numbers written without a country code: 13800138000,
    0531-12345 or 0086… all mean the same subscriber as +86….
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def masked(contact_: str) -> str:
    """Return a contact that is safe in a log: its scheme and at most its last two characters."""
    scheme, _, identity = contact_.partition(":")
    return f"{scheme}:…{identity[-2:]}" if len(identity) > 6 else f"{scheme}:…"
