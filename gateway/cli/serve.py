"""``hotline serve``: run the gateway until it is told to stop."""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # not needed to show the help
    from gateway.demo.trial import Place

SUMMARY = "run the gateway"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    from gateway.cli._settings import accept_config

    accept_config(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=12345, help="port to listen on")
    parser.add_argument(
        "--role",
        choices=["all", "ingress", "worker"],
        default="all",
        help="all (default), only the doors, or only the work behind them",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT, then drain and return 0."""
    import uvloop

    gc.disable()  # what is built at the start stays: looking for garbage in it costs a fifth of it
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(args))
    return 0


async def _serve(args: argparse.Namespace) -> None:
    from gateway.app import Role, built
    from gateway.channel.discovery import discover
    from gateway.cli._garbage import collect_rarely
    from gateway.cli._serving import serving
    from gateway.cli._settings import load_config
    from gateway.cli._steps import steps_from_environment
    from gateway.demo.hints import hints
    from gateway.demo.trial import beside
    from gateway.domain.clock import SystemClock

    config = load_config(args)
    kinds = discover()
    role = Role(args.role)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        stop.set()
        # Who presses Ctrl-C again does not want to wait; what was acknowledged is safe anyway.
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    async with AsyncExitStack() as stack:
        places: Sequence[Place] = ()
        if role is Role.ALL:
            trial = beside(config, kinds, clock=SystemClock(), warn=_warn)
            places = await stack.enter_async_context(trial)
        gateway = await stack.enter_async_context(
            built(config, kinds, role=role, reach=steps_from_environment())
        )
        port = await stack.enter_async_context(serving(gateway, args.host, args.port))
        url = f"http://{args.host}:{port}"
        collect_rarely()
        print(f"ready {url}", flush=True)
        for line in hints(config, places, url):
            print(line, flush=True)
        await stop.wait()
        print("stopping: finishing what is in hand", file=sys.stderr, flush=True)


def _warn(line: str) -> None:
    print(f"hotline: {line}", file=sys.stderr, flush=True)
