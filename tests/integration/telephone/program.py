"""A gateway's telephone in a process of its own, to be killed: says who calls, plays, connects."""

import asyncio
import json
import sys
from pathlib import Path

from channels.voice.leg import Connecting
from tests.integration.telephone.world import Told, World, tone
from tests.peers.asterisk import AsteriskServer

FIRST_HZ, AGAIN_HZ = 440, 900
TALKING = "3002"


def _tell(**values: object) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


async def _main(folder: str, http_port: int, sip_port: int, agent_port: int) -> None:
    server = AsteriskServer(Path(folder))
    server.http_port, server.sip_port = http_port, sip_port
    world = World(server=server, wire="websocket", folder=Path(folder))

    async def talk(told: Told) -> None:
        leg = told.leg
        _tell(call=leg.call.dialled, resumed=leg.resumed, caller=leg.call.caller)
        if leg.resumed:
            playback = await leg.play(tone(1, AGAIN_HZ))
            await told.until(lambda: playback.done)
            return
        if leg.call.dialled == TALKING:
            await leg.connect([AsteriskServer.dial(agent_port)], timeout_s=10)
            await told.until(lambda: Connecting.ANSWERED in [c.state for c in told.connections])
            _tell(talking=True)
        else:
            await leg.play(tone(2, FIRST_HZ))
        await told.until(lambda: bool(told.ended), timeout_s=120)

    world.scripts.update({"3001": talk, TALKING: talk})
    async with world.open():
        _tell(ready=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], *(int(one) for one in sys.argv[2:5])))
