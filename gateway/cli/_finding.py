"""What the doctor finds: one thing, how it is, and what to do about it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.errors import GatewayError

LONGEST_S = 12.0
"""How long one examination may take; longer than any call it makes may."""


class Verdict(StrEnum):
    """How something is."""

    OK = "ok"
    """It works."""
    WARNING = "warning"
    """It may work, or cannot be told from here: a person should look."""
    FAILED = "failed"
    """The configuration asks for it, and it does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor; it never holds a secret."""

    verdict: Verdict
    about: str
    what: str
    cure: str = ""

    def __str__(self) -> str:
        line = f"{self.verdict}: {self.about}: {self.what}"
        return f"{line}; {self.cure}" if self.cure else line


def ok(about: str, what: str) -> Finding:
    """Return that something works."""
    return Finding(Verdict.OK, about, what)


def warning(about: str, what: str, cure: str) -> Finding:
    """Return that a person should look at something."""
    return Finding(Verdict.WARNING, about, what, cure)


def failed(about: str, what: str, cure: str) -> Finding:
    """Return that something does not work."""
    return Finding(Verdict.FAILED, about, what, cure)


async def examined(
    about: str, examine: Callable[[], Awaitable[Sequence[Finding]]], *, limit_s: float = LONGEST_S
) -> Sequence[Finding]:
    """Return what an examination finds; whatever goes wrong in it is a finding too."""
    try:
        async with asyncio.timeout(limit_s):
            return await examine()
    except TimeoutError:
        return [failed(about, f"no answer within {limit_s:.0f} s", "check the way there")]
    except GatewayError as error:
        return [failed(about, error.message, error.cure)]
    except Exception as error:  # one fault of ours must not hide what the others have found
        return [
            failed(
                about,
                f"could not be examined ({type(error).__name__})",
                "report this; what the gateway itself logs may tell more",
            )
        ]
