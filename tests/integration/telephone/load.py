"""Many calls at once: callers who speak to the bit, and a gateway's telephone in its own process.

``python -m tests.integration.telephone.load`` is that process; ``measured`` lets SIPp call it.
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from channels.voice.leg import Audio, Ended
from tests.integration.telephone.world import Told, Wire, World, spoken, tone
from tests.peers.asterisk import AsteriskServer, running_asterisk
from tests.peers.sipp import Callers, call

PROGRAM = "tests.integration.telephone.load"
NUMBER = "5000"
FRAME = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What ``calls`` calls of ``seconds`` of speech were like.

    ``frames``: share of the spoken frames that arrived, in the worst call; ``cpu``: share of one
    core that a call took; ``tasks`` and ``files``: how many more there were afterwards than before.
    """

    calls: int
    failed: int
    silent: int
    frames: float
    cpu: float
    tasks: int
    files: int
    nothing_left: bool


async def measured(wire: Wire, calls: int, seconds: float, rate: float = 20.0) -> Outcome:
    """Let ``calls`` callers call at once."""
    with running_asterisk() as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "said.alaw").write_bytes(spoken(seconds, seed=7))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", PROGRAM, str(server.folder)),
            *(str(server.http_port), str(server.sip_port), wire, str(calls)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            await asyncio.wait_for(process.stdout.readline(), 30)
            callers = Callers(
                number=NUMBER,
                steps=[
                    ("pause", 500),
                    ("play", folder / "said.alaw"),
                    ("pause", int(seconds * 1000) + 1500),
                ],
                calls=calls,
                rate=rate,
            )
            failed = await call(callers, server.sip, folder / "callers")
            told = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
            world = World(server=server, wire=wire, folder=folder)
            left = await world.nothing_left()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
    spoken_frames = int(seconds * 50)
    frames: list[int] = told["frames"]
    return Outcome(
        calls=len(frames),
        failed=failed,
        silent=sum(1 for one in frames if one == 0),
        frames=min(frames, default=0) / spoken_frames,
        cpu=told["cpu"] / told["seconds"],
        tasks=told["tasks"],
        files=told["files"],
        nothing_left=left,
    )


async def _main(folder: str, http_port: int, sip_port: int, wire: Wire, calls: int) -> None:
    server = AsteriskServer(Path(folder))
    server.http_port, server.sip_port = http_port, sip_port
    world = World(server=server, wire=wire, folder=Path(folder))
    frames: list[int] = []
    seconds = 0.0
    over = asyncio.Event()

    async def converse(told: Told) -> None:
        nonlocal seconds
        leg = told.leg
        await leg.play(tone(2))
        loud = size = 0
        async for event in leg.events():
            if isinstance(event, Audio):
                size += len(event.pcm)
                # Silence that was filled in, or comes before the first word, has nothing but zeros.
                loud += event.pcm[:8] != b"\0" * 8
            elif isinstance(event, Ended):
                break
        seconds += size / 16_000
        frames.append(loud)
        if len(frames) == calls:
            over.set()

    world.converse = converse
    async with world.open():
        before = _files(), len(asyncio.all_tasks())
        gc.collect()
        began = time.process_time()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await over.wait()
        cpu = time.process_time() - began
        await asyncio.sleep(1)
        gc.collect()
        after = _files(), len(asyncio.all_tasks())
        told = {
            "frames": frames,
            "cpu": cpu,
            "seconds": seconds,
            "tasks": after[1] - before[1],
            "files": after[0] - before[0],
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


if __name__ == "__main__":
    _wire: Wire = "audiosocket" if sys.argv[4] == "audiosocket" else "websocket"
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), _wire, int(sys.argv[5])))
