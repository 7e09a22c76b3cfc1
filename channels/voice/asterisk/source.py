"""The PBX as a source: connects, takes calls until told to stop, lets nothing run on."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from channels.voice.asterisk.ari import reaching
from channels.voice.asterisk.audiosocket import AudioSocketServer
from channels.voice.asterisk.exchange import Calls, Exchange
from channels.voice.asterisk.outage import OutageRecordings
from channels.voice.asterisk.pacing import Ticker
from channels.voice.asterisk.switchboard import Switchboard
from channels.voice.config import PbxSettings
from gateway.channel.ports import Log, Sink


class Pbx:
    """Everything between one Asterisk and this process; a ``SourceChannel``."""

    def __init__(
        self,
        settings: PbxSettings,
        calls: Calls,
        *,
        region: str,
        entries: Collection[str] = (),
        log: Log,
        outage: OutageRecordings | None = None,
    ) -> None:
        self._settings = settings
        self._outage = outage
        self._calls = calls
        self._region = region
        self._entries = entries
        self._log = log

    async def run(self, sink: Sink) -> None:
        """Take calls until cancelled."""
        ticker = Ticker()
        beside = [asyncio.create_task(ticker.run())]
        if self._outage is not None:
            beside.append(asyncio.create_task(self._outage.run(sink)))
        try:
            async with (
                reaching(self._settings, self._log) as ari,
                self._audiosocket(ticker) as (server, address),
            ):
                board = Switchboard(
                    ari,
                    app=self._settings.app,
                    ticker=ticker,
                    log=self._log,
                    audiosocket=server,
                    address=address,
                )
                exchange = Exchange(
                    ari,
                    board,
                    self._calls,
                    self._settings,
                    region=self._region,
                    entries=self._entries,
                )
                await exchange.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    @asynccontextmanager
    async def _audiosocket(
        self, ticker: Ticker
    ) -> AsyncIterator[tuple[AudioSocketServer | None, str]]:
        """Yield the server that Asterisk connects to, if it does, and where it finds it."""
        if self._settings.media != "audiosocket":
            yield None, ""
            return
        host, _, port = self._settings.listen.rpartition(":")
        server = AudioSocketServer(ticker, self._log)
        chosen = await server.start(host.strip("[]"), int(port))
        try:
            yield server, self._settings.address or f"{host}:{chosen}"
        finally:
            await server.stop()
