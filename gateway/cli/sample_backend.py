"""``hotline sample-backend``: a small case-management system that receives the drafts."""

import argparse
import asyncio
import os
import signal
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

from gateway.domain.errors import GatewayError

SUMMARY = "run a sample case-management backend that receives the event feed"

DEFAULT_PORT = 12346
SECRET_VARIABLE = "HOTLINE_DEMO_SECRET"  # noqa: S105 - the name of a variable
DEMO_SECRET = "whsec_ZGVtby1vbmx5LWRlbW8tb25seS1kZW1vLW9ubHkh"  # noqa: S105 - public, as its text says


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help="default: 127.0.0.1")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="PORT", help=f"default: {DEFAULT_PORT}"
    )
    parser.add_argument(
        "--secret",
        metavar="SECRET",
        help=f"the endpoint's secret (default: ${SECRET_VARIABLE}, or that of config/demo.yaml)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; prints ``ready URL`` and one line for every case."""
    if not 0 <= args.port <= 65535:
        raise GatewayError(f"{args.port} is no port", "choose one between 1 and 65535")
    secret = args.secret or os.environ.get(SECRET_VARIABLE) or DEMO_SECRET
    return asyncio.run(_serve(args.host, args.port, secret))


async def _serve(host: str, port: int, secret: str) -> int:
    from pydantic import SecretStr

    from gateway.config import Endpoint
    from gateway.delivery.signing import secret_key
    from gateway.demo.backend import SampleBackend
    from gateway.demo.pages import CasePages
    from gateway.domain.clock import SystemClock

    secret_key(secret)  # a secret that cannot be one is told now, not at the first event
    say = partial(print, flush=True)
    endpoint = Endpoint(name="casework", url=f"http://{host}:{port}/hook", secret=SecretStr(secret))
    pages = CasePages(datetime.now().astimezone().tzinfo or UTC)
    backend = SampleBackend(endpoint, clock=SystemClock(), pages=pages, say=say)
    async with AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(backend.serving(host, port))
        except OSError as error:
            raise GatewayError(
                f"port {port} on {host} cannot be used: {error.strerror}",
                "stop what uses it, or choose another with --port",
            ) from error
        say(f"ready {url}")
        ended = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, ended.set)
        await ended.wait()
    return 0
