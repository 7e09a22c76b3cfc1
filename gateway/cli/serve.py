"""``hotline serve``: run the gateway until it is told to stop."""

import argparse
import asyncio
import signal
import sys

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
    asyncio.run(_serve(args))
    return 0


async def _serve(args: argparse.Namespace) -> None:
    from gateway.app import Role, built
    from gateway.channel.discovery import discover
    from gateway.cli._serving import serving
    from gateway.cli._settings import load_config
    from gateway.cli._steps import steps_from_environment

    config = load_config(args)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with (
        built(config, discover(), role=Role(args.role), reach=steps_from_environment()) as gateway,
        serving(gateway, args.host, args.port) as port,
    ):
        print(f"ready http://{args.host}:{port}", flush=True)
        await stop.wait()
        print("stopping: finishing what is in hand", file=sys.stderr, flush=True)
