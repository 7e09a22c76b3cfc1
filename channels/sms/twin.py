"""A stand-in for Twilio's REST API: as strict as its published description, and it shows the reply.

Only tests, the demo and load runs start it; an account's ``base_url`` leads there.
"""

import json
from base64 import b64encode
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from aiohttp import web

_DESCRIPTION = Path(__file__).parent / "fixtures" / "create_message.schema.json"

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a4944415478da636800"
    "0000820081da45083b0000000049454e44ae426082"
)
"""A photograph of one pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message the gateway sent to a citizen."""

    sid: str
    to: str
    sender: str
    text: str
    status_callback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An answer that is not 201; ``code`` is Twilio's own, ``retry_after`` in seconds."""

    status: int
    code: int
    retry_after: int | None = None


class Twin:
    """One account at the stand-in; ``app`` is served wherever the caller likes."""

    def __init__(self, account_sid: str, auth_token: str) -> None:
        self.messages: list[SentMessage] = []
        self.failures: deque[Failure] = deque()
        """Answers to give instead of success, the first one next."""
        self._account_sid = account_sid
        self._auth = "Basic " + b64encode(f"{account_sid}:{auth_token}".encode()).decode("ascii")
        self._description = json.loads(_DESCRIPTION.read_bytes())
        account = f"/2010-04-01/Accounts/{account_sid}"
        self.routes = (
            web.post(f"{account}/Messages.json", self._create),
            web.get(f"{account}.json", self._fetch_account),
            web.get(f"{account}/Messages/{{sid}}/Media/{{media}}", self._media),
        )
        self.app = web.Application()
        self.app.add_routes(self.routes)

    async def _create(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self._auth:
            return _problem(Failure(status=401, code=20003))
        if self.failures:
            return _problem(self.failures.popleft())
        fields = {name: str(value) for name, value in (await request.post()).items()}
        unknown = fields.keys() - self._description["properties"].keys()
        missing = {"To", "From", "Body"} - {name for name, value in fields.items() if value}
        if unknown or missing:
            return _problem(Failure(status=400, code=21604))
        if len(fields["Body"]) > 1600:
            return _problem(Failure(status=400, code=21617))
        message = SentMessage(
            sid="SM" + token_hex(16),
            to=fields["To"],
            sender=fields["From"],
            text=fields["Body"],
            status_callback=fields.get("StatusCallback", ""),
        )
        self.messages.append(message)
        answer = {"sid": message.sid, "status": "queued", "account_sid": self._account_sid}
        return web.json_response(answer, status=201)

    async def _fetch_account(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self._auth:
            return _problem(Failure(status=401, code=20003))
        return web.json_response({"sid": self._account_sid, "status": "active"})

    async def _media(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self._auth:
            return _problem(Failure(status=401, code=20003))
        return web.Response(body=PNG, content_type="image/png")


def _problem(failure: Failure) -> web.Response:
    headers = {"Retry-After": str(failure.retry_after)} if failure.retry_after is not None else {}
    body = {"code": failure.code, "message": "refused by the stand-in", "status": failure.status}
    return web.json_response(body, status=failure.status, headers=headers)
