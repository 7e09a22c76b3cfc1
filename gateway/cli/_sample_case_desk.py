"""A small case-management backend to try the gateway with: it believes signatures, nothing else.

It keeps what it is told in memory, opens a case for every draft that is ready, and shows the cases
on a plain page. An event it has handled is acknowledged again and changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

import msgspec
from aiohttp import web

from gateway.delivery.signing import ID_HEADER, BadSignature, Secret, secret_key, verify
from gateway.domain.ids import Clock

_LARGEST = 16 * 1024 * 1024

_PAGE = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta http-equiv="refresh" content="3">
<title>示例工单系统 Sample case desk</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; max-width: 72rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ border: 1px solid #767676; padding: .4rem .6rem; text-align: left; vertical-align: top }}
</style>
<h1>示例工单系统 <span lang="en">Sample case desk</span></h1>
<p>{count} 件工单 <span lang="en">cases</span></p>
<table>
<thead><tr><th scope="col">工单编号</th><th scope="col">受理编号</th><th scope="col">渠道</th>
<th scope="col">标题</th><th scope="col">内容</th><th scope="col">状态</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
</html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request that carried a genuine signature."""

    event_id: str
    type: str
    draft_id: str | None
    revision: int | None
    repeated: bool


@dataclass(slots=True)
class SampleBackend:
    """The backend: ``app()`` serves it, ``deliveries``, ``drafts`` and ``cases`` tell of it.

    ``secret`` is the endpoint's, in the same form as in its configuration. ``say`` is told one line
    for each case. ``url`` is where its page is found.
    """

    secret: str
    clock: Clock
    url: str = "http://127.0.0.1:12346"
    say: Callable[[str], None] = lambda _: None
    deliveries: list[Delivery] = field(default_factory=list)
    drafts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The latest snapshot of every draft, by its id."""
    cases: dict[str, str] = field(default_factory=dict)
    """The number of every case, by the id of its draft."""
    refused: int = 0
    _handled: dict[str, bytes] = field(default_factory=dict)

    def app(self) -> web.Application:
        """Return the application: ``POST /hook`` for events, ``/`` for people."""
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_post("/hook", self._hook)
        app.router.add_get("/", self._page)
        return app

    async def _hook(self, request: web.Request) -> web.Response:
        body = await request.read()
        secrets = [Secret(key=secret_key(self.secret))]
        try:
            verify(secrets, request.headers, body, now=self.clock.now())
        except BadSignature:
            self.refused += 1
            return web.json_response({"error": "signature"}, status=401)
        event_id = request.headers[ID_HEADER]
        try:
            event = msgspec.json.decode(body, type=dict[str, Any])
            data = event["data"]
            draft = data.get("draft")
            type_ = str(event["type"])
        except (msgspec.DecodeError, KeyError, AttributeError):
            return web.json_response({"error": "not an event"}, status=400)
        answer = self._handled.get(event_id)
        self._note(event_id, type_, draft, repeated=answer is not None)
        if answer is None:
            answer = self._handled[event_id] = msgspec.json.encode(self._handle(type_, draft))
        return web.Response(body=answer, content_type="application/json")

    def _note(
        self, event_id: str, type_: str, draft: dict[str, Any] | None, *, repeated: bool
    ) -> None:
        known = draft or {}
        self.deliveries.append(
            Delivery(
                event_id=event_id,
                type=type_,
                draft_id=known.get("draft_id"),
                revision=known.get("revision"),
                repeated=repeated,
            )
        )

    def _handle(self, type_: str, draft: dict[str, Any] | None) -> dict[str, str]:
        """Take an event in; for a draft that is ready, answer with the case."""
        if draft is None:
            return {}
        draft_id = str(draft["draft_id"])
        known = self.drafts.get(draft_id)
        # A full snapshot each time, so the newest revision is all there is to know.
        if known is None or known["revision"] <= draft["revision"]:
            self.drafts[draft_id] = draft
        if type_ != "draft.ready":
            return {}
        if draft_id not in self.cases:
            self.cases[draft_id] = f"WO-{len(self.cases) + 1:06}"
            self.say(f"{self.cases[draft_id]}  {draft['receipt_no']}  {draft['channel']}")
        return {"external_id": self.cases[draft_id], "url": f"{self.url}/#{self.cases[draft_id]}"}

    async def _page(self, _: web.Request) -> web.Response:
        rows = "".join(self._row(draft_id) for draft_id in reversed(self.cases))
        page = _PAGE.format(count=len(self.cases), rows=rows)
        return web.Response(text=page, content_type="text/html")

    def _row(self, draft_id: str) -> str:
        draft, number = self.drafts[draft_id], self.cases[draft_id]
        cells = (
            number,
            draft["receipt_no"],
            draft["channel"],
            draft["request"]["title"],
            draft["request"]["content"],
            draft["state"],
        )
        inner = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
        return f'<tr id="{escape(number)}">{inner}</tr>\n'
