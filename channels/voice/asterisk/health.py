"""Tells in words what is wrong between the gateway and its Asterisk."""

from channels.voice.asterisk.ari import AriError, reaching
from channels.voice.config import PbxSettings
from gateway.channel.ports import Log

_NEEDED = {
    "websocket": (
        "chan_websocket.so",
        "load chan_websocket in Asterisk (20.18, 22.8, 23.2 or newer), or set media: audiosocket",
    ),
    "audiosocket": ("chan_audiosocket.so", "load chan_audiosocket in Asterisk"),
}


class Health:
    """The account's ``Lifecycle``; the connection itself belongs to its source."""

    def __init__(self, settings: PbxSettings, log: Log) -> None:
        self._settings = settings
        self._log = log

    async def connect(self) -> None:
        """Nothing to do: a PBX that is not there yet is no reason not to start."""

    async def close(self) -> None:
        """Nothing is held open here."""

    async def probe(self) -> str | None:
        """Ask Asterisk whether it knows us and can carry our audio."""
        module, cure = _NEEDED[self._settings.media]
        try:
            async with reaching(self._settings, self._log) as ari:
                await ari.ping()
                there = await ari.has_module(module)
        except AriError as error:
            return _in_words(error.status)
        return None if there else f"Asterisk cannot carry the audio; {cure}"


def _in_words(status: int) -> str:
    if status == 0:
        return (
            "Asterisk does not answer; is it running, and is pbx.url its HTTP server (http.conf)?"
        )
    if status in (401, 403):
        return "Asterisk refuses our credentials; compare pbx.user and pbx.password with ari.conf"
    if status == 404:
        return "Asterisk has no ARI; set enabled = yes in ari.conf and load res_ari"
    if status == 503:
        return "Asterisk is still starting; wait a moment"
    return f"Asterisk answers with status {status}; see its log"
