"""Takes the provider's place for one account on trial: it only knows the account.

A simulated call over live audio brings its sound with it. Where the provider records in our place,
the simulator leaves each recording here, and the gateway fetches it as it would from the provider.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hmac import compare_digest

from aiohttp import web

from channels.voice.config import VoiceSettings
from gateway.channel.simulation import SentToCitizen
from gateway.config import ChannelSettings, ConfigError

_LARGEST = 20 * 1024 * 1024
_MOST = 50


class TwilioStandIn:
    """Twilio's REST API: the account's health, recordings, and changes of a call."""

    shows: str | None = None

    def __init__(self, settings: VoiceSettings) -> None:
        self._account_sid = settings.account_sid
        pair = f"{settings.account_sid}:{settings.auth_token[0].get_secret_value()}"
        self._auth = "Basic " + b64encode(pair.encode()).decode("ascii")
        self._recordings: dict[str, bytes] = {}

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[str]:
        """Listen until left; yields the ``base_url`` that leads here."""
        app = web.Application(client_max_size=_LARGEST)
        account = f"/2010-04-01/Accounts/{self._account_sid}"
        app.router.add_get(f"{account}.json", self._account)
        app.router.add_get(f"{account}/Recordings/{{sid}}.wav", self._fetch)
        app.router.add_put(f"{account}/Recordings/{{sid}}.wav", self._keep)
        app.router.add_post(f"{account}/Calls/{{sid}}.json", self._change)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield f"http://{host}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _account(self, request: web.Request) -> web.Response:
        self._check(request)
        return web.json_response({"sid": self._account_sid, "status": "active"})

    async def _keep(self, request: web.Request) -> web.Response:
        self._check(request)
        self._recordings[request.match_info["sid"]] = await request.read()
        if len(self._recordings) > _MOST:
            self._recordings.pop(next(iter(self._recordings)))
        return web.Response(status=204)

    async def _fetch(self, request: web.Request) -> web.Response:
        self._check(request)
        content = self._recordings.get(request.match_info["sid"])
        if content is None:
            return web.json_response({"code": 20404, "status": 404}, status=404)
        return web.Response(body=content, content_type="audio/x-wav")

    async def _change(self, request: web.Request) -> web.Response:
        """Take a change; the simulated call goes on as its script says."""
        self._check(request)
        return web.json_response({"sid": request.match_info["sid"], "status": "in-progress"})

    def _check(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").encode()
        if not compare_digest(given, self._auth.encode()):
            raise web.HTTPUnauthorized(
                text='{"code":20003,"status":401}', content_type="application/json"
            )

    def sent(self) -> Sequence[SentToCitizen]:
        """Return nothing: a caller is told everything during the call."""
        return ()


def stand_in(settings: ChannelSettings) -> TwilioStandIn:
    """Return the stand-in of one account."""
    if not isinstance(settings, VoiceSettings):
        raise ConfigError(f"account {settings.account!r} has no voice settings", "set kind: voice")
    return TwilioStandIn(settings)
