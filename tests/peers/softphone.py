"""A telephone of the tests' own: plays WAVs, presses keys, records what it hears, hangs up.

Each runs as a process of its own (``python -m tests.peers.softphone``): its SIP library is GPL and
must not come into the process that runs the gateway's code. One telephone holds one call.
"""

import asyncio
import json
import sys
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.peers.ports import free_port

RATE = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the telephone does; ``at`` of a step is seconds after its audio is up.

    Steps: ``[at, "keys", "12#"]``, ``[at, "play", "FILE.wav"]``, ``[at, "bye", ""]``. With
    ``call`` it calls that address; without, it waits for a call and answers ``ring_s`` later with
    ``answer`` (200, 486…; 0 rings on).
    """

    call: str | None = None
    caller: str = "13800138000"
    record: str | None = None
    steps: Sequence[tuple[float, str, str]] = ()
    answer: int = 200
    ring_s: float = 0.1
    longest_s: float = 60.0
    port: int = 0


@dataclass(slots=True)
class Softphone:
    """A telephone that runs; ``news`` is what it reported so far."""

    process: asyncio.subprocess.Process
    plan: Plan
    news: list[dict[str, Any]] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where it can be called."""
        return self.plan.port

    def told(self, what: str) -> list[dict[str, Any]]:
        """Everything of one kind it reported: ``up``, ``ringing``, ``state``, ``done``."""
        return [one for one in self.news if one["what"] == what]

    async def wait_for(self, what: str, timeout_s: float = 20.0) -> dict[str, Any]:
        """Wait until it reports something of this kind."""
        async with asyncio.timeout(timeout_s):
            while not (found := self.told(what)):
                await asyncio.sleep(0.01)
        return found[0]

    async def do(self, what: str, argument: str = "") -> None:
        """Let it do a step now."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([what, argument]).encode() + b"\n")
        await self.process.stdin.drain()

    async def done(self, timeout_s: float = 60.0) -> None:
        """Wait for the end of its call."""
        async with asyncio.timeout(timeout_s):
            await self.process.wait()

    def heard(self) -> bytes:
        """What it recorded, as PCM."""
        assert self.plan.record is not None
        with wave.open(self.plan.record, "rb") as file:
            return file.readframes(file.getnframes())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.startswith(b"{"):
                self.news.append(json.loads(line))


@asynccontextmanager
async def softphone(plan: Plan) -> AsyncIterator[Softphone]:
    """Start a telephone; it is gone afterwards."""
    values = asdict(plan) | {"port": plan.port or free_port()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.peers.softphone", json.dumps(values)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    phone = Softphone(process=process, plan=Plan(**values))
    reading = asyncio.create_task(phone._read())
    try:
        await phone.wait_for("ready", 60.0)
        yield phone
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


def write_wav(path: Path, pcm: bytes) -> Path:
    """Write what a telephone is to play."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)
    return path


def _tell(what: str, **values: object) -> None:
    sys.stdout.write(json.dumps({"what": what, **values}) + "\n")
    sys.stdout.flush()


def _run(plan: Plan) -> None:  # the process of the telephone
    import os
    import selectors
    import time

    import pjsua2 as pj

    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.medConfig.clockRate = RATE
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress, transport.port = "127.0.0.1", plan.port
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 200 if codec.codecId.startswith("PCMA") else 0)
    kept: list[Any] = []
    state = {"up": 0.0, "over": False}

    class Account(pj.Account):  # type: ignore[misc]
        def onIncomingCall(self, prm: Any) -> None:
            call = Call(self, prm.callId)
            kept.append(call)
            _tell("ringing", **{"from": call.getInfo().remoteUri})
            ringing = pj.CallOpParam()
            ringing.statusCode = 180
            call.answer(ringing)
            state["answer_at"] = time.monotonic() + plan.ring_s if plan.answer else float("inf")

    class Call(pj.Call):  # type: ignore[misc]
        def onCallState(self, prm: Any) -> None:
            info = self.getInfo()
            _tell("state", state=info.stateText, status=info.lastStatusCode)
            state["over"] = info.state == pj.PJSIP_INV_STATE_DISCONNECTED

        def onCallMediaState(self, prm: Any) -> None:
            if state["up"] or not self.getInfo().media:
                return
            self.sound = self.getAudioMedia(-1)
            if plan.record:
                recorder = pj.AudioMediaRecorder()
                recorder.createRecorder(plan.record)
                self.sound.startTransmit(recorder)
                kept.append(recorder)
            state["up"] = time.monotonic()
            _tell("up")

    own = pj.AccountConfig()
    own.idUri = f"sip:{plan.caller}@127.0.0.1"
    account = Account()
    account.create(own)
    if plan.call is not None:
        call = Call(account)
        kept.append(call)
        call.makeCall(f"sip:{plan.call}", pj.CallOpParam(True))
    selector = selectors.DefaultSelector()
    os.set_blocking(0, False)
    selector.register(0, selectors.EVENT_READ)
    _tell("ready")

    def step(what: str, argument: str) -> None:
        call = kept[0] if plan.call is not None else next(k for k in kept if isinstance(k, Call))
        match what:
            case "keys":
                call.dialDtmf(argument)
            case "play":
                player = pj.AudioMediaPlayer()
                player.createPlayer(argument, pj.PJMEDIA_FILE_NO_LOOP)
                player.startTransmit(call.sound)
                kept.append(player)
            case "bye":
                call.hangup(pj.CallOpParam())
            case _:
                _tell("no", why=what)
        _tell("did", step=what, at=time.monotonic() - (state["up"] or time.monotonic()))

    steps = sorted(plan.steps)
    began = time.monotonic()
    typed = b""
    while not state["over"] and time.monotonic() - began < plan.longest_s:
        endpoint.libHandleEvents(10)
        now = time.monotonic()
        if now >= state.get("answer_at", float("inf")):
            state["answer_at"] = float("inf")
            answer = pj.CallOpParam()
            answer.statusCode = plan.answer
            kept[0].answer(answer)
        while steps and state["up"] and now - state["up"] >= steps[0][0]:
            _, what, argument = steps.pop(0)
            step(what, argument)
        if selector.select(0):
            typed += os.read(0, 65536) or b""
            while b"\n" in typed:
                line, _, typed = typed.partition(b"\n")
                step(*json.loads(line))
    _tell("done")
    # Recordings are complete once their recorders are gone.
    kept.clear()
    endpoint.hangupAllCalls()
    endpoint.libDestroy()


if __name__ == "__main__":
    _run(Plan(**json.loads(sys.argv[1])))
