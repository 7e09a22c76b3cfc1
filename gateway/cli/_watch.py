"""Compares this machine's clock with that of every server that answers anyway."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from statistics import median

from gateway.channel.http import DEFAULT_LIMITS, EgressReply, HttpClient, IPNetwork, Limits
from gateway.cli._finding import Finding, failed, ok, warning
from gateway.config.values import is_here
from gateway.domain.ids import Clock

_NOTICEABLE_S = 5.0
_TOO_FAR_S = 60.0
"""A provider's or backend's tolerance for the time in a signature begins here."""


@dataclass(slots=True)
class Watch:
    """The outgoing HTTP port, noting on the way how far our clock is ahead of each answer's."""

    http: HttpClient
    clock: Clock
    ahead_s: list[float] = field(default_factory=list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limits: Limits = DEFAULT_LIMITS,
        allow: tuple[IPNetwork, ...] = (),
    ) -> EgressReply:
        """Call ``url`` once; see the port."""
        started = time.monotonic()
        reply = await self.http.request(
            method, url, headers=headers, body=body, limits=limits, allow=allow
        )
        took = time.monotonic() - started
        theirs = _date(reply.headers.get("date", ""))
        if theirs is not None and not is_here(url):
            # A date has no fractions of a second: half of one is the best guess.
            ours = self.clock.now().timestamp() - took / 2
            self.ahead_s.append(ours - theirs.timestamp() - 0.5)
        return reply

    def findings(self) -> Sequence[Finding]:
        """Return whether this machine's time agrees with that of the others."""
        about, keep = "clock", "keep this machine's clock with NTP"
        if not self.ahead_s:
            return [warning(about, "cannot be checked: no other machine has answered", keep)]
        ahead = median(self.ahead_s)
        what = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} other machines"
        if abs(ahead) > _TOO_FAR_S:
            return [failed(about, f"{what}, so signatures are refused", keep)]
        if abs(ahead) > _NOTICEABLE_S:
            return [warning(about, what, keep)]
        return [ok(about, "agrees with other machines")]


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
