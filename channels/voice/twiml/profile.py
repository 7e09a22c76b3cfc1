"""How the providers that speak TwiML differ; everything else about them is the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One dialect.

    ``api`` is the origin of the REST calls. ``encoding`` is what the media frames must say they
    carry. ``withheld`` are the values of ``From`` that mean "number withheld or unknown".
    """

    name: str
    api: str
    encoding: str
    withheld: frozenset[str]


TWILIO = Profile(
    name="twilio",
    api="https://api.twilio.com",
    encoding="audio/x-mulaw",
    # Twilio spells ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE on a telephone's keys
    # (https://help.twilio.com/articles/223179988).
    withheld=frozenset(
        {
            "", "anonymous", "restricted", "blocked", "unknown", "unavailable", "private",
            "+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253",
        }
    ),
)  # fmt: skip

PROFILES: Mapping[str, Profile] = MappingProxyType({TWILIO.name: TWILIO})
