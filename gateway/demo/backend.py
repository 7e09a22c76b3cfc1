"""A sample case-management backend: it takes the event feed as an integrator's own system would.

It verifies every signature, knows repeated events by their id, opens one case for each draft, and
stores what it took before it says so.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from gateway.config import Endpoint
from gateway.delivery.keyring import signing_keys
from gateway.delivery.signing import BadSignature, verify
from gateway.demo.cases import OPENS, Case, Cases, Event
from gateway.demo.pages import CasePages
from gateway.domain.errors import GatewayError
from gateway.domain.ids import Clock

_BODY_LIMIT = 4 * 1024 * 1024


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the journal: an event with its body as it came."""

    id: str
    heard: datetime
    body: msgspec.Raw


@dataclass(slots=True)
class SampleBackend:
    """The backend behind one endpoint.

    ``journal`` is the file that keeps what it was told; without one, nothing outlives the process.
    ``say`` is told one line for each case.
    """

    endpoint: Endpoint
    clock: Clock
    pages: CasePages
    journal: Path | None = None
    say: Callable[[str], None] = lambda _: None
    cases: Cases = field(default_factory=Cases)
    repeated: int = 0
    """Events that came more than once."""
    refused: int = 0
    """Requests whose signature did not hold."""
    _origin: str = ""
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[str]:
        """Listen until left; yields the origin of its pages.

        Raises ``OSError`` when the address cannot be used and ``GatewayError`` when the journal
        cannot.
        """
        app = web.Application(client_max_size=_BODY_LIMIT)
        path = urlsplit(self.endpoint.url).path or "/"
        app.router.add_post(path, self._take)
        app.router.add_get("/", self._list)
        app.router.add_get("/cases/{number}", self._case)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=5.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            await asyncio.to_thread(self._remember)
            self._origin = f"http://{host}:{runner.addresses[0][1]}"
            yield self._origin
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        now = self.clock.now()
        try:
            vouched = verify(signing_keys(self.endpoint), request.headers, body, now=now)
        except BadSignature:
            self.refused += 1
            return web.Response(status=401)
        async with self._one_at_a_time:
            if self.cases.has_seen(vouched.message_id):
                self.repeated += 1
                return self._answer(self.cases.case_of(vouched.message_id))
            try:
                event = msgspec.json.decode(body, type=Event)
                entry = Entry(id=vouched.message_id, heard=now, body=msgspec.Raw(body))
                await asyncio.to_thread(self._write, msgspec.json.encode(entry))
            except msgspec.DecodeError:
                return web.Response(status=400)
            except OSError:
                return web.Response(status=503)
            case = self.cases.take(vouched.message_id, event, now)
            if case is not None and event.type == OPENS and case.number is not None:
                self.say(f"{case.number}  {case.draft.receipt_no}  {case.draft.channel}")
            return self._answer(case)

    def _answer(self, case: Case | None) -> web.Response:
        if case is None or case.number is None:
            return web.Response(status=204)
        url = f"{self._origin}/cases/{case.number}"
        return web.json_response({"external_id": case.number, "external_url": url})

    async def _list(self, request: web.Request) -> web.Response:
        return _page(self.pages.every(self.cases.newest_first(), endpoint=self.endpoint.name))

    async def _case(self, request: web.Request) -> web.Response:
        case = self.cases.numbered(request.match_info["number"])
        if case is None:
            raise web.HTTPNotFound
        return _page(self.pages.one(case))

    def _write(self, line: bytes) -> None:
        if self.journal is None:
            return
        with self.journal.open("ab") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _remember(self) -> None:
        if self.journal is None:
            return
        try:
            self.journal.parent.mkdir(parents=True, exist_ok=True)
            with self.journal.open("a+b") as file:
                file.seek(0)
                written = file.read()
                # A last line that broke off was never acknowledged, so it will come again.
                whole = written[: written.rfind(b"\n") + 1]
                file.truncate(len(whole))
            for line in whole.splitlines():
                entry = msgspec.json.decode(line, type=Entry)
                event = msgspec.json.decode(entry.body, type=Event)
                self.cases.take(entry.id, event, entry.heard)
        except (OSError, msgspec.DecodeError) as error:
            raise GatewayError(
                f"the sample backend cannot read its cases in {self.journal}",
                "move that file away; the gateway's own drafts are not in it",
            ) from error


def _page(html: str) -> web.Response:
    return web.Response(
        text=html,
        content_type="text/html",
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )
