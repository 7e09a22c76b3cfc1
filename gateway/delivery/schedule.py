"""When to try again: seconds at first, hours later, seven days in all; jitter only ever adds."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_FIRST_WAITS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
)
_TOTAL = timedelta(days=7)

RETRY_AFTER_CAP = timedelta(hours=1)
"""The longest a backend may ask us to wait: an absurd value must not park a citizen's case."""

_SECONDS = re.compile(r"[0-9]+")
_ABSURD_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySchedule:
    """How long to wait after each counted failure.

    ``waits`` holds the wait after the first failure, the second, and so on; the first attempt is
    made at once. Progress is counted in failures, not in wall time: a clock that jumps, or a
    gateway that was down for a week, uses up nothing. ``jitter`` is the largest share added.
    """

    waits: tuple[timedelta, ...]
    jitter: float = 0.2

    def next_wait(
        self,
        failures: int,
        *,
        at_least: timedelta | None = None,
        chance: Callable[[], float],
    ) -> timedelta | None:
        """Return the wait after failure number ``failures`` (from 1); ``None`` after the last.

        ``at_least`` is a floor, for example from ``Retry-After``. ``chance`` returns a random
        number in [0, 1), so that many drafts that failed together do not return together.
        """
        if failures < 1:
            raise ValueError("a wait follows a failure")
        if failures > len(self.waits):
            return None
        wait = self.waits[failures - 1]
        if at_least is not None and at_least > wait:
            wait = at_least
        return wait * (1 + self.jitter * chance())


def standard_schedule() -> RetrySchedule:
    """Return 0, 5 s, 30 s, 2 m, 10 m, 30 m, 1 h, 2 h, 4 h and then every 4 h up to seven days."""
    waits = list(_FIRST_WAITS)
    while sum(waits, timedelta()) + waits[-1] <= _TOTAL:
        waits.append(waits[-1])
    return RetrySchedule(waits=tuple(waits))


def parse_retry_after(
    value: str | None, *, now: datetime, cap: timedelta = RETRY_AFTER_CAP
) -> timedelta | None:
    """Return the wait a ``Retry-After`` header asks for (RFC 9110 §10.2.3), at most ``cap``.

    Seconds and all three forms of HTTP-date are read. A date in the past, a negative number and
    anything unreadable ask for nothing: ``None``.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        digits = text.lstrip("0")
        if not digits:
            return None
        if len(digits) > _ABSURD_DIGITS:
            return cap
        return min(timedelta(seconds=int(digits)), cap)
    try:
        moment = parsedate_to_datetime(text)
        if moment.utcoffset() is None:
            moment = moment.replace(tzinfo=UTC)
        wait = moment - now
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return min(wait, cap) if wait > timedelta() else None
