"""A simulated call: the signed requests around it, the media stream, and whatever comes after."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import Element

from aiohttp import (
    ClientConnectionError,
    ClientSession,
    ClientTimeout,
    WSServerHandshakeError,
    encode_basic_auth,
)

from channels.voice import prompts
from channels.voice.config import VoiceSettings
from channels.voice.heard_numbers import spelled_in
from channels.voice.prompts import silence
from channels.voice.twiml.asking import KEYS, RUNG, Asking, Script, cut_off
from channels.voice.twiml.far_end import OCTETS_PER_MS, Act, Acts, FarEnd
from channels.voice.twiml.far_talk import FarTalk
from channels.voice.twiml.profile import PROFILES
from channels.voice.wav import line_wav, pcm_wav, read_wav
from gateway.channel import RawRequest
from gateway.channel.simulation import PlacedCall
from gateway.domain.errors import GatewayError
from gateway.domain.g711 import pcm_to_mulaw

FASTEST = 50.0


class CallRefused(GatewayError):
    """The gateway did not take the call."""


class Requests(Protocol):
    """The signed requests of a provider."""

    def request(self, path: str, fields: Mapping[str, str], *, query: str = "") -> RawRequest:
        """Return any form, signed."""

    def about(self, call: str, sender: str) -> Mapping[str, str]:
        """Return what every request about a call says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How the gateway is reached: ``server`` is where it listens, ``public_url`` what is signed."""

    simulator: Requests
    settings: VoiceSettings
    public_url: str
    server: str
    speed: float
    call_id: str


class Once:
    """A caller who says one thing and presses keys after it, whatever is asked later."""

    def __init__(self, pcm: bytes, keys: str) -> None:
        self._act: Act | None = Act(octets=pcm_to_mulaw(pcm), keys=keys)

    def next(self) -> Act | None:
        """Return it the first time."""
        act, self._act = self._act, None
        return act


class Scripted:
    """A caller who follows a script: keys, ``wav FILE``, nothing, ``hangup``; see ``asking``."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def next(self) -> Act | None:
        """Return what the next line says; after the last one the caller only listens."""
        if self._script.is_over or self._script.first().split(" ")[0] in RUNG:
            return None  # in the second case the provider will ring somebody in a moment
        line = self._script.take()
        if not line:
            return None
        if line.startswith("wav "):
            said, leaves = cut_off(line)
            path = Path(said.removeprefix("wav ").strip())
            return Act(octets=pcm_to_mulaw(_speech(path)), leaves=leaves)
        if set(line) <= KEYS:
            return Act(keys=line)
        raise CallRefused(
            f"nobody can say {line[:20]!r} on a media stream",
            "write wav FILE, or keys; words are understood where the account has media: none",
        )


async def place_call(
    line: Line, pcm: bytes, *, sender: str, keys: str, hang_up_after_ms: int | None
) -> PlacedCall:
    """Hold one call whose caller says one thing."""
    asked = ["…"] if line.settings.media == "none" else []
    return await _hold(line, Once(pcm, keys), Script(asked), sender, hang_up_after_ms, pcm)


async def follow(line: Line, script: Iterable[str], *, sender: str) -> PlacedCall:
    """Hold one call whose caller follows a script, a line each time something is asked."""
    lines = Script(one.strip() for one in script)
    return await _hold(line, Scripted(lines), lines, sender, None)


async def _hold(
    line: Line,
    acts: Acts,
    script: Script,
    sender: str,
    hang_up_after_ms: int | None,
    pcm: bytes = b"",
) -> PlacedCall:
    if not 0 < line.speed <= FASTEST:
        raise CallRefused(f"a call cannot go {line.speed} times faster than life", "use up to 50")
    timeout = ClientTimeout(total=None, sock_connect=5, sock_read=30)
    async with ClientSession(timeout=timeout) as web:
        call = _Call(web, line, acts, sender, hang_up_after_ms, pcm)
        try:
            return await call.hold(script)
        except (ClientConnectionError, WSServerHandshakeError, TimeoutError) as error:
            raise CallRefused(
                f"no gateway takes calls at {line.server} ({type(error).__name__})",
                "start it with hotline serve, or name its address with --url",
            ) from None


class _Call:
    """One call over real HTTP and WebSockets."""

    def __init__(
        self,
        web: ClientSession,
        line: Line,
        acts: Acts,
        sender: str,
        hang_up_after_ms: int | None,
        pcm: bytes,
    ) -> None:
        self._pcm = pcm
        self._web = web
        self._line = line
        self._acts = acts
        self._sender = sender
        self._hang_up_after_ms = hang_up_after_ms
        self._heard = bytearray()
        self._marks = 0
        self._now_ms = 0

    async def hold(self, script: Script) -> PlacedCall:
        """Hold the call from the first ring to the news of its end."""
        line = self._line
        mount = f"{line.public_url}/channels/voice/{line.settings.account}"
        asking = Asking(
            post=self._post,
            request=lambda path, form, query: line.simulator.request(path, form, query=query),
            mount=mount,
            about=line.simulator.about(line.call_id, self._sender),
            record=self._record,
            stream=self._stream,
            overhear=self._overhear,
        )
        placed = await asking.hold(script)
        heard = bytes(self._heard)
        return PlacedCall(
            call_id=placed.call_id,
            ended_by=placed.ended_by,
            numbers=placed.numbers
            or tuple(spelled_in(heard, line.settings.prompts or prompts.SHIPPED)),
            heard_ms=len(heard) // OCTETS_PER_MS,
            heard=heard,
            marks=self._marks,
            duration_ms=self._now_ms or placed.duration_ms,
            afterwards=placed.afterwards,
        )

    async def _stream(self, stream: Element) -> bool:
        """Hold one media stream; tell whether the caller is still there."""
        line = self._line
        place = line.public_url.replace("http", "ws", 1)
        address = stream.get("url", "").removeprefix(place)
        given = {one.get("name", ""): one.get("value", "") for one in stream}
        server = line.server.replace("http", "ws", 1)
        async with self._web.ws_connect(server + address, max_msg_size=256 * 1024) as socket:
            end = FarEnd(
                socket,
                self._acts,
                speed=line.speed,
                profile=PROFILES[line.settings.profile],
                hang_up_after_ms=self._hang_up_after_ms,
            )
            await end.begin(line.call_id, line.settings.account_sid, given)
            ended_by = await end.talk()
        self._heard += end.heard
        self._marks += end.marks
        self._now_ms += end.now_ms
        return ended_by != "caller"

    async def _overhear(self, stream: Element) -> "_Overheard":
        """Open the stream that listens to both sides."""
        line = self._line
        place = line.public_url.replace("http", "ws", 1)
        address = stream.get("url", "").removeprefix(place)
        given = {one.get("name", ""): one.get("value", "") for one in stream}
        server = line.server.replace("http", "ws", 1)
        socket = await self._web.ws_connect(server + address)
        end = FarTalk(socket, speed=line.speed, profile=PROFILES[line.settings.profile])
        await end.begin(line.call_id, line.settings.account_sid, given)
        return _Overheard(end)

    async def _post(self, raw: RawRequest) -> str:
        line = self._line
        url = line.server + raw.url.removeprefix(line.public_url)
        async with self._web.post(url, data=raw.body, headers=dict(raw.headers)) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise CallRefused(
                    f"the gateway answered {answer.status} to the carrier",
                    "let the simulator use the gateway's own configuration (account, auth_token, "
                    "site.public_url)",
                )
            return text

    async def _record(self, recording: str, words: str) -> str:
        """Leave a recording with the provider's stand-in, if there is one; return its address."""
        settings, pcm = self._line.settings, self._pcm
        if words.startswith("wav "):
            pcm = _speech(Path(words.removeprefix("wav ").strip()))
        path = f"/2010-04-01/Accounts/{settings.account_sid}/Recordings/{recording}"
        if settings.base_url:
            # Words have no sound; somebody who is silent is the nearest to it.
            content = pcm_wav(pcm or silence(1000))
            secret = settings.auth_token[0].get_secret_value()
            headers = {"Authorization": encode_basic_auth(settings.account_sid, secret)}
            url = f"{settings.base_url.rstrip('/')}{path}.wav"
            with suppress(ClientConnectionError):
                async with self._web.put(url, data=content, headers=headers) as answer:
                    await answer.read()
        return f"{PROFILES[settings.profile].api or settings.base_url}{path}"


class _Overheard:
    """What is said while caller and person are joined, out of WAV files."""

    def __init__(self, end: FarTalk) -> None:
        self._end = end

    async def talk(self, caller: str, person: str) -> int:
        """Let both speak; see ``asking.Overheard``."""
        before_ms = self._end.now_ms
        said = [b"" if one == "-" else pcm_to_mulaw(_speech(Path(one))) for one in (caller, person)]
        await self._end.talk(*said)
        return ceil((self._end.now_ms - before_ms) / 1000)

    async def stop(self) -> None:
        """End the stream."""
        await self._end.stop()


def _speech(path: Path) -> bytes:
    try:
        return read_wav(line_wav(path.read_bytes()))
    except OSError:
        raise CallRefused(f"{path} cannot be read", "name a WAV file") from None
