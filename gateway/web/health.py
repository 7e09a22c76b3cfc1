"""``/healthz`` (the process lives), ``/readyz`` (what it needs answers), ``/metrics``."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

Probe = Callable[[], Awaitable[str | None]]
"""Returns None when all is well, else in words what is not."""

METRICS = "/metrics"

_PROBE_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Health and metrics; ``allow`` are the networks that may see more than "ok"."""

    probes: Mapping[str, Probe]
    registry: CollectorRegistry
    collect: Callable[[], Awaitable[None]]
    allow: Sequence[IPv4Network | IPv6Network]

    def routes(self) -> list[web.RouteDef]:
        """Return the three routes."""
        return [
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
            web.get(METRICS, self.metrics),
        ]

    async def healthz(self, request: web.Request) -> web.Response:
        """Say that the process runs."""
        return web.json_response({"status": "ok"})

    async def readyz(self, request: web.Request) -> web.Response:
        """Ask everything this process needs; 503 and the reasons when something is missing."""
        found = dict(
            zip(
                self.probes,
                await asyncio.gather(*(_asked(probe) for probe in self.probes.values())),
                strict=True,
            )
        )
        wrong = {name: reason for name, reason in found.items() if reason is not None}
        body: dict[str, object] = {"status": "degraded" if wrong else "ok"}
        if self._trusted(request):
            body["checks"] = {name: reason or "ok" for name, reason in found.items()}
        return web.json_response(body, status=503 if wrong else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        """Return the metrics in Prometheus' text format, to the allowed networks only."""
        if not self._trusted(request):
            return web.Response(status=403)
        await self.collect()
        return web.Response(
            body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    def _trusted(self, request: web.Request) -> bool:
        # The peer of the connection itself: a forwarded header could be written by anybody.
        peer = request.transport.get_extra_info("peername") if request.transport else None
        if not peer:
            return False
        address = ip_address(peer[0])
        return any(address in network for network in self.allow)


async def _asked(probe: Probe) -> str | None:
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            return await probe()
    except TimeoutError:
        return "does not answer"
