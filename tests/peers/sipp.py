"""SIPp as callers: plays A-law files to the bit, presses recorded keys, or sends nothing at all."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.peers.ports import free_port

_SCENARIO = Path(__file__).with_name("sipp_caller.xml")
_KEYS = {"*": "star", "#": "pound"}


Steps = Sequence[tuple[str, str | int | Path]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """``calls`` callers who dial ``number``, ``rate`` of them each second.

    ``steps``: ``("play", FILE)`` A-law octets, ``("key", "1")``, ``("pause", MILLISECONDS)``. In
    the end they hang up, or with ``waits_for_bye`` wait up to half a minute to be hung up on.
    """

    number: str
    steps: Steps
    calls: int = 1
    rate: float = 10.0
    caller: str = "13800138000"
    waits_for_bye: bool = False

    def scenario(self) -> str:
        """The scenario as XML."""
        steps = "".join(_step(what, str(value)) for what, value in self.steps)
        template = Template(_SCENARIO.read_text())
        ending = template.template.partition("<!-- ending -->")[2]
        bye, waits = ending.split("<!-- or -->")
        body = template.template.partition("<!-- ending -->")[0]
        whole = body + (waits if self.waits_for_bye else bye) + "</scenario>\n"
        return Template(whole).substitute(steps=steps, caller=self.caller)


def _step(what: str, value: str) -> str:
    if what == "pause":
        return f'<pause milliseconds="{value}"/>\n'
    if what == "play":
        action = f'rtp_stream="{value},1,8"'
    else:
        name = _KEYS.get(value, value)
        action = f'play_pcap_audio="/usr/share/sip-tester/dtmf_2833_{name}.pcap"'
    return f"<nop><action><exec {action}/></action></nop>\n"


async def call(callers: Callers, server: str, folder: Path) -> int:
    """Let them call until all of them are done; returns how many calls failed."""
    folder.mkdir(parents=True, exist_ok=True)
    scenario = folder / "scenario.xml"
    scenario.write_text(callers.scenario())
    first = free_port()
    process = await asyncio.create_subprocess_exec(
        *(program(), server, "-sf", str(scenario), "-s", callers.number),
        *("-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(first)),
        *("-m", str(callers.calls), "-r", str(callers.rate), "-l", str(callers.calls)),
        *("-mp", str(_rtp(first))),
        *("-timeout", "120s", "-trace_err", "-nostdin"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return code


def program() -> str:
    """Where SIPp is; raises ``RuntimeError`` with the cure when it is not installed."""
    found = shutil.which("sipp")
    if found is None:
        raise RuntimeError("sipp is not installed; cure: make peers (as root)")
    return found


def _rtp(port: int) -> int:
    """An even port to begin with that another SIPp hardly has."""
    return 10_000 + port * 7 % 9_000 // 2 * 2
