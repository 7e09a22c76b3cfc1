"""Takes the provider's place for one account on trial: it only knows the account.

A simulated call brings its sound with it, so there is nothing to fetch here and nobody to call.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hmac import compare_digest

from aiohttp import web

from channels.voice.config import VoiceSettings
from gateway.channel.simulation import SentToCitizen
from gateway.config import ChannelSettings, ConfigError


class TwilioStandIn:
    """Twilio's REST API as far as an account's health is asked for."""

    shows: str | None = None

    def __init__(self, settings: VoiceSettings) -> None:
        self._account_sid = settings.account_sid
        pair = f"{settings.account_sid}:{settings.auth_token[0].get_secret_value()}"
        self._auth = "Basic " + b64encode(pair.encode()).decode("ascii")

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[str]:
        """Listen until left; yields the ``base_url`` that leads here."""
        app = web.Application()
        app.router.add_get(f"/2010-04-01/Accounts/{self._account_sid}.json", self._account)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield f"http://{host}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _account(self, request: web.Request) -> web.Response:
        if not compare_digest(
            request.headers.get("Authorization", "").encode(), self._auth.encode()
        ):
            return web.json_response({"code": 20003, "status": 401}, status=401)
        return web.json_response({"sid": self._account_sid, "status": "active"})

    def sent(self) -> Sequence[SentToCitizen]:
        """Return nothing: a caller is told everything during the call."""
        return ()


def stand_in(settings: ChannelSettings) -> TwilioStandIn:
    """Return the stand-in of one account."""
    if not isinstance(settings, VoiceSettings):
        raise ConfigError(f"account {settings.account!r} has no voice settings", "set kind: voice")
    return TwilioStandIn(settings)
