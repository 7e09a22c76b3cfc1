"""``hotline demo``: simulated citizens use every channel, and a sample backend gets every draft."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gateway.domain.errors import GatewayError

if TYPE_CHECKING:  # not needed to show the help
    from gateway.config import Config
    from gateway.demo.outcome import Result
    from gateway.demo.stage import Stage

SUMMARY = "let simulated citizens use every channel, and show each draft and its delivery"

_SHIPPED = Path(__file__).resolve().parents[2] / "config" / "demo.yaml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--once", action="store_true", help="exit afterwards: 0 when nothing was lost or doubled"
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="whose accounts take part (default: the demo configuration)",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep the data here (default: nothing is kept)"
    )


def run(args: argparse.Namespace) -> int:
    """Show every channel once; 0 when every contact became exactly one delivered draft."""
    from tempfile import TemporaryDirectory

    from gateway.cli._settings import load_config

    args.config = args.config or _SHIPPED
    config = load_config(args)
    if args.data is not None:
        return asyncio.run(_demo(args, config, args.data))
    with TemporaryDirectory(prefix="hotline-demo-") as folder:
        return asyncio.run(_demo(args, config, Path(folder)))


async def _demo(args: argparse.Namespace, config: "Config", data: Path) -> int:
    import json
    import time

    from gateway.channel.discovery import discover
    from gateway.cli._serving import serving
    from gateway.demo.hints import hints
    from gateway.demo.stage import staged
    from gateway.demo.telling import closing, summary

    kinds = discover()
    news = sys.stderr if args.json else sys.stdout
    began = time.monotonic()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with staged(config, kinds, data=data, serving=serving) as stage:
        result = await _shown(stage, stop, news)
        if result is None:
            raise GatewayError("the demonstration was stopped before its end", "run it again")
        seconds = time.monotonic() - began
        if args.json:
            print(json.dumps(summary(result, seconds), ensure_ascii=False), flush=True)
        for line in closing(result, seconds):
            print(line, file=news, flush=True)
        if not args.once:
            print(f"ready {stage.reach.server}", file=news)
            for line in hints(stage.gateway.config, stage.places, stage.reach.server):
                print(line, file=news, flush=True)
            await stop.wait()
    return 1 if result.missing() else 0


async def _shown(stage: "Stage", stop: asyncio.Event, news: TextIO) -> "Result | None":
    """Run the show; None when it was told to stop."""
    from gateway.channel.discovery import discover
    from gateway.channel.speech import Unavailable
    from gateway.demo.citizens import HASTE, contacts_of
    from gateway.demo.hints import CALLERS
    from gateway.demo.show import Show
    from gateway.demo.telling import line

    gateway = stage.gateway
    contacts = contacts_of(
        gateway.config.channels,
        discover(),
        public_url=gateway.config.site.public_url,
        callers=CALLERS,
    )
    print(f"the gateway listens on {stage.reach.server}", file=news)
    for place in stage.places:
        print(f"see {place.shows} on {place.url}", file=news)
    if isinstance(gateway.speech, Unavailable):
        print(f"no speech recognition: {gateway.speech.reason}; {gateway.speech.cure}", file=news)
    haste = f"; calls go {HASTE:.0f} times faster than life unless the caller hangs up"
    spoken = any(one.spoken for one in contacts)
    print(
        f"{len(contacts)} simulated citizens get in touch{haste if spoken else ''}",
        file=news,
        flush=True,
    )
    show = Show(stage, contacts, lambda one: print(line(one), file=news, flush=True))
    running = asyncio.create_task(show.run())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return running.result() if running.done() else None
    finally:
        for task in (running, stopping):
            task.cancel()
        await asyncio.gather(running, stopping, return_exceptions=True)
