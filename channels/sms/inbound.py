"""What every SMS provider's messages have in common: who wrote, and the words that stop answers."""

import re
from typing import Literal

from gateway.domain.contact import contact, e164

# Whole messages, as Twilio documents them
# (https://help.twilio.com/articles/223134027) and as Chinese carriers ask for them (回复TD退订).
# YES also resumes at Twilio, but from a citizen it is far more often an answer.
_STOP = frozenset(
    {
        "stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout",
        "退订", "td", "t", "td退订", "退订td",
    }
)  # fmt: skip
_RESUME = frozenset({"start", "unstop", "恢复订阅", "取消退订"})
_LONGEST = max(map(len, _STOP | _RESUME))

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SCHEME = re.compile(r"([a-z]{2,20}):(.+)", re.ASCII | re.DOTALL)


def contact_of(address: str) -> str:
    """Return the contact behind an SMS address; raises ``BadContact`` for an unusable one.

    A full number becomes ``tel:+…``. What no citizen's telephone has (a short code such as 10086,
    a name such as ``CityBank``) becomes ``sms:…``, and another network's address that came
    over the same provider (``whatsapp:+…``) keeps its own scheme.
    """
    # Providers send E.164; reading it with the numbering plans costs more than all the rest here.
    if _E164.fullmatch(address):
        return f"tel:{address}"
    if address.startswith("+") and (number := e164(address)):
        return f"tel:{number}"
    if other := _SCHEME.fullmatch(address):
        return contact(other[1], other[2])
    return contact("sms", address)


def is_citizen(contact_: str) -> bool:
    """Tell whether a person can be behind ``contact_``: short codes and names are machines."""
    return not contact_.startswith("sms:")


def opt_word(text: str) -> Literal["stopped", "resumed"] | None:
    """Return what a message changes when it is nothing but one of the agreed words."""
    if len(text) > _LONGEST + 8:
        return None
    word = text.strip(" \t\r\n.。!！'\"“”").casefold()
    if word in _STOP:
        return "stopped"
    return "resumed" if word in _RESUME else None
