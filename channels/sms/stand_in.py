"""Puts the twin of Twilio's REST API on an address, for trying the gateway out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from channels.sms.config import SmsSettings
from channels.sms.twin import Twin
from gateway.channel.simulation import SentToCitizen
from gateway.config import ChannelSettings, ConfigError


class TwilioStandIn:
    """Twilio for one account: it takes every message for a citizen and carries none."""

    shows: str | None = "the texts sent to citizens"

    def __init__(self, settings: SmsSettings) -> None:
        self._twin = Twin(settings.account_sid, settings.auth_token[0].get_secret_value())

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[str]:
        """Listen until left; yields the ``base_url`` that leads here."""
        app = web.Application()
        app.router.add_get("/", self._show)
        app.add_routes(self._twin.routes)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield f"http://{host}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _show(self, request: web.Request) -> web.Response:
        lines = [f"{one.to}  {one.text}\n" for one in reversed(self.sent())]
        return web.Response(text="".join(lines) or "短信：无 no message for citizens yet\n")

    def sent(self) -> Sequence[SentToCitizen]:
        """Return the messages for citizens, oldest first."""
        return [SentToCitizen(to=one.to, text=one.text) for one in self._twin.messages]


def stand_in(settings: ChannelSettings) -> TwilioStandIn:
    """Return the stand-in of one account."""
    if not isinstance(settings, SmsSettings):
        raise ConfigError(f"account {settings.account!r} has no SMS settings", "set kind: sms")
    return TwilioStandIn(settings)
