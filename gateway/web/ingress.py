"""Where bytes arrive: bounds a request, hands it to the inbox (or a page, or a media socket)."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter

from aiohttp import WSMsgType, hdrs, web

from gateway.channel.contract import Account, Page, Route, SocketChannel, WebhookChannel
from gateway.channel.errors import Malformed, StoreBusy, Unverified
from gateway.channel.wire import HttpReply, RawRequest
from gateway.domain.errors import GatewayError
from gateway.intake.inbox import BAD_REQUEST, FORBIDDEN, Inbox
from gateway.web.answers import Answers, response
from gateway.web.bounded import BrokenOff, TooLarge, TooSlow, at_hand, read_bounded
from gateway.web.direct import Direct, Handler
from gateway.web.guesses import Guesses
from gateway.web.timing import AckTimes

SOCKET_MESSAGE_LIMIT = 64 * 1024
SOCKET_IDLE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """Mounts accounts on an HTTP server. ``read_timeout_s`` bounds the arrival of one body."""

    inbox: Inbox
    public_url: str
    read_timeout_s: float
    times: AckTimes
    guesses: Guesses

    def routes(self, accounts: Sequence[Account]) -> list[web.RouteDef]:
        """Return the routes of all accounts; raises ``GatewayError`` when two claim one address."""
        mounted: dict[tuple[str, str], str] = {}
        routes = []
        for account in accounts:
            name = f"{account.spec.kind}/{account.spec.account}"
            for route in account.routes:
                path = route.path if route.public else f"/channels/{name}{route.path}"
                other = mounted.setdefault((route.method, path), name)
                if other != name:
                    raise GatewayError(
                        f"channel accounts {other} and {name} both answer on {path}",
                        "remove one of the two from the configuration",
                    )
                kind = web.RouteDef if "{" in path else Direct
                routes.append(kind(route.method, path, self._handler(account, route), {}))
        return routes

    def _handler(self, account: Account, route: Route) -> Handler:
        target = route.handler
        prefix = "" if route.public else f"/channels/{account.spec.kind}/{account.spec.account}"
        if isinstance(target, SocketChannel):
            return self._socket(target, prefix)
        if isinstance(target, Page):
            return self._page(account, target, prefix)
        return self._webhook(account, target, route, prefix)

    def _webhook(
        self, account: Account, channel: WebhookChannel, route: Route, prefix: str
    ) -> Handler:
        limit = account.spec.body_limit
        # What comes to an address without variable parts comes to exactly that address.
        path = None if "{" in route.path else route.path
        took = self.times.of(account.spec.kind, account.spec.account)
        door = self.inbox.door(account, channel)
        answers = Answers()

        async def handle(request: web.Request) -> web.StreamResponse:
            started = perf_counter()
            try:
                body = at_hand(request, limit=limit)
                if body is None:
                    body = await self._body(request, limit)
            except (TooLarge, TooSlow, BrokenOff) as error:
                return _refusal(error)
            reply = await door.receive(self._raw(request, body, prefix, path))
            took(perf_counter() - started)
            return answers.to(request, reply)

        return handle

    def _page(self, account: Account, page: Page, prefix: str) -> Handler:
        limit = account.spec.body_limit

        async def handle(request: web.Request) -> web.StreamResponse:
            asks = request.method == "POST"
            if asks and (wait_s := self.guesses.must_wait(request)):
                return web.Response(status=429, headers={"Retry-After": str(wait_s)})
            try:
                body = await self._body(request, limit)
                reply = await page.show(self._raw(request, body, prefix))
            except (TooLarge, TooSlow, BrokenOff) as error:
                return _refusal(error)
            except Unverified:
                reply = FORBIDDEN
            except Malformed:
                reply = BAD_REQUEST
            except StoreBusy:
                reply = HttpReply(status=503, body=b"busy\n", headers={"Retry-After": "5"})
            if asks and reply.status == HTTPStatus.NOT_FOUND:
                self.guesses.went_wrong(request)
            return response(reply)

        return handle

    def _socket(self, channel: SocketChannel, prefix: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            raw = self._raw(request, b"", prefix)
            try:
                channel.verify(raw)
            except Unverified as error:
                self.inbox.note(
                    "inbox.unverified", kind="socket", account=prefix, why=error.message
                )
                return response(FORBIDDEN)
            socket = web.WebSocketResponse(
                max_msg_size=SOCKET_MESSAGE_LIMIT, heartbeat=SOCKET_IDLE_S, compress=False
            )
            if not socket.can_prepare(request).ok:
                return response(BAD_REQUEST)
            await socket.prepare(request)
            try:
                await channel.converse(BoundedSocket(socket), raw)
            finally:
                if not socket.closed:
                    await socket.close()
            return socket

        return handle

    async def _body(self, request: web.Request, limit: int) -> bytes:
        """Read at most ``limit`` bytes within the time allowed."""
        return await read_bounded(request, limit=limit, timeout_s=self.read_timeout_s)

    def _raw(
        self, request: web.Request, body: bytes, prefix: str, path: str | None = None
    ) -> RawRequest:
        target = request.raw_path
        return RawRequest(
            method=request.method,
            url=self.public_url + target,
            path=request.path.removeprefix(prefix) if path is None else path,
            headers=request.headers,
            body=body,
            query=target.partition("?")[2],
            content_type=request.headers.get(hdrs.CONTENT_TYPE, ""),
        )


def _refusal(error: TooLarge | TooSlow | BrokenOff) -> web.Response:
    # What is left of the body is not waited for.
    return web.Response(status=error.status, headers={"Connection": "close"})


class BoundedSocket:
    """The ``Socket`` port over an aiohttp WebSocket with bounded messages and idle time."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def receive(self) -> str | bytes | None:
        """Return the next message, or None once the other side is gone or broke the rules."""
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
            data: str | bytes = message.data
            return data
        return None

    async def send(self, message: str) -> None:
        """Send a text message; sending to a closed socket does nothing."""
        if not self._socket.closed:
            try:
                await self._socket.send_str(message)
            except ConnectionError:
                return

    async def close(self, code: int = 1000) -> None:
        """Close with a WebSocket status code."""
        await self._socket.close(code=code)
