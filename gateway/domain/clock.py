"""The real clock; everything that needs time is handed one."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Wall time in UTC and monotonic seconds of this machine."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()
