"""Two ways to the deliveries: over the API of a running gateway, or straight into the store."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from gateway.channel.http import CONFIGURED, EgressError, HttpClient
from gateway.channel.http import Limits as HttpLimits
from gateway.config import Config
from gateway.delivery.office import DeliveryOffice
from gateway.domain.clock import SystemClock
from gateway.domain.errors import GatewayError
from gateway.egress.client import EgressClient
from gateway.store.beside import open_beside
from gateway.store.deliveries import Attempt
from gateway.store.errors import StoreDown
from gateway.store.opening import open_store
from gateway.store.times import from_us
from gateway.store.wakeup import LocalWakeup

ACTOR = "cli"

Line = Mapping[str, Any]
"""One attempt, dead letter or endpoint, as the API describes it (JSON values)."""

_LIMITS = HttpLimits(total_s=60.0, body_bytes=32 * 1024 * 1024, refuse_larger=True)
_PAGE = 200


class Desk(Protocol):
    """What the command can do; the names are those of the API."""

    async def attempts(self, chosen: Mapping[str, str], limit: int) -> Sequence[Line]:
        """Return attempts, newest first, chosen by draft_id, event_id and endpoint."""

    async def endpoints(self) -> Sequence[Line]:
        """Return how every endpoint stands."""

    async def dead(self, endpoint: str | None) -> Sequence[Line]:
        """Return every dead letter and held delivery, oldest first."""

    async def replay(self, wanted: Mapping[str, Any]) -> int:
        """Send past events again; return how many deliveries that makes."""

    async def revive(self, seqs: Sequence[int], endpoint: str | None) -> int:
        """Give dead letters another life; return how many there were."""

    async def pause(self, endpoint: str, reason: str) -> None:
        """Stop calling an endpoint."""

    async def resume(self, endpoint: str) -> None:
        """Call an endpoint again."""


@asynccontextmanager
async def desk_over_http(url: str, token: str) -> AsyncIterator[Desk]:
    """Talk to a running gateway."""
    async with EgressClient() as http:
        yield _HttpDesk(http=http, url=url.rstrip("/"), token=token)


@asynccontextmanager
async def desk_in_store(config: Config, *, changes: bool) -> AsyncIterator[Desk]:
    """Work on the store itself; to look is possible beside a running gateway.

    ``changes`` to an embedded store need it for this process alone.
    """
    url = config.store.url
    if not changes:
        async with open_beside(url) as beside:
            yield _StoreDesk(_office(beside, config))
        return
    try:
        store = await open_store(url)
    except StoreDown as error:
        if url.startswith("sqlite") and "another gateway process" in error.message:
            raise GatewayError(
                f"{error.message}, which alone may change deliveries there",
                "let that gateway do it: add --url http://127.0.0.1:12345 (its address) and --token"
                " TOKEN (from: hotline token create --scope deliveries:write --label NAME)",
            ) from error
        raise
    try:
        yield _StoreDesk(_office(store, config))
    finally:
        await store.close()


def _office(store: Any, config: Config) -> DeliveryOffice:
    return DeliveryOffice(
        store=store, clock=SystemClock(), wakeup=LocalWakeup(), endpoints=config.endpoints
    )


@dataclass(frozen=True, slots=True)
class _StoreDesk:
    office: DeliveryOffice

    async def attempts(self, chosen: Mapping[str, str], limit: int) -> Sequence[Line]:
        found = await self.office.attempts(
            draft_id=chosen.get("draft_id"),
            event_id=chosen.get("event_id"),
            endpoint=chosen.get("endpoint"),
            limit=limit,
        )
        return [_attempt(one) for one in found]

    async def endpoints(self) -> Sequence[Line]:
        return [msgspec.to_builtins(one) for one in await self.office.summary()]

    async def dead(self, endpoint: str | None) -> Sequence[Line]:
        found: list[Line] = []
        after = 0
        while page := await self.office.dead_letters(endpoint=endpoint, after=after, limit=_PAGE):
            found += [msgspec.to_builtins(one) for one in page]
            after = page[-1].seq
        return found

    async def replay(self, wanted: Mapping[str, Any]) -> int:
        since = wanted.get("since")
        moment = {"since": datetime.fromisoformat(since)} if since else {}
        return await self.office.replay(actor=ACTOR, **{**wanted, **moment})

    async def revive(self, seqs: Sequence[int], endpoint: str | None) -> int:
        return await self.office.revive(actor=ACTOR, seqs=seqs, endpoint=endpoint)

    async def pause(self, endpoint: str, reason: str) -> None:
        await self.office.pause(endpoint, actor=ACTOR, reason=reason)

    async def resume(self, endpoint: str) -> None:
        await self.office.resume(endpoint, actor=ACTOR)


def _attempt(one: Attempt) -> Line:
    line: dict[str, Any] = msgspec.to_builtins(one)
    line["started"] = from_us(one.started).isoformat().replace("+00:00", "Z")
    line["took_ms"] = line.pop("took_us") / 1000
    return line


@dataclass(frozen=True, slots=True)
class _HttpDesk:
    http: HttpClient
    url: str
    token: str

    async def attempts(self, chosen: Mapping[str, str], limit: int) -> Sequence[Line]:
        return await self._pages("attempts", "attempts", "before", dict(chosen), limit)

    async def endpoints(self) -> Sequence[Line]:
        found: Sequence[Line] = (await self._call("GET", "endpoints"))["endpoints"]
        return found

    async def dead(self, endpoint: str | None) -> Sequence[Line]:
        chosen = {"endpoint": endpoint} if endpoint else {}
        return await self._pages("dead", "letters", "after", chosen, None)

    async def replay(self, wanted: Mapping[str, Any]) -> int:
        return int((await self._call("POST", "replay", wanted))["deliveries"])

    async def revive(self, seqs: Sequence[int], endpoint: str | None) -> int:
        wanted: dict[str, Any] = {"seqs": list(seqs)}
        if endpoint:
            wanted["endpoint"] = endpoint
        return int((await self._call("POST", "revive", wanted))["deliveries"])

    async def pause(self, endpoint: str, reason: str) -> None:
        wanted = {"reason": reason} if reason else {}
        await self._call("POST", f"endpoints/{quote(endpoint, safe='')}/pause", wanted)

    async def resume(self, endpoint: str) -> None:
        await self._call("POST", f"endpoints/{quote(endpoint, safe='')}/resume", {})

    async def _pages(
        self, path: str, name: str, turning: str, chosen: dict[str, str], limit: int | None
    ) -> Sequence[Line]:
        """Read page after page, up to ``limit`` lines."""
        found: list[Line] = []
        while limit is None or len(found) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(found))
            query = urlencode({**chosen, "limit": size})
            page = await self._call("GET", f"{path}?{query}")
            found += page[name]
            if page.get("next") is None:
                break
            chosen = {**chosen, turning: str(page["next"])}
        return found

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"authorization": f"Bearer {self.token}", "accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        try:
            reply = await self.http.request(
                method,
                f"{self.url}/api/v1/deliveries/{path}",
                headers=headers,
                body=None if body is None else json.dumps(body).encode(),
                limits=_LIMITS,
                allow=CONFIGURED,
            )
        except EgressError as error:
            raise GatewayError(
                f"the gateway was not reached: {error.message}", "start it, or correct --url"
            ) from error
        try:
            document = json.loads(reply.body)
        except ValueError as error:
            raise GatewayError(
                f"{self.url} answered HTTP {reply.status} and no JSON", "correct --url"
            ) from error
        if reply.status >= 400:
            raise _problem(reply.status, document)
        return document


def _problem(status: int, document: Any) -> GatewayError:
    """Return an RFC 9457 answer as an error for a person."""
    fields = document if isinstance(document, dict) else {}
    what = fields.get("detail") or fields.get("title") or "no reason given"
    cures = {401: "give a valid --token", 403: "use a token with another scope"}
    return GatewayError(f"the gateway answered {status}: {what}", cures.get(status, ""))
