"""``hotline doctor``: does everything the configuration names really work? Asked live, now."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from gateway.cli._finding import Finding, Verdict, examined
from gateway.cli._settings import accept_config, load_config

if TYPE_CHECKING:
    from gateway.channel.contract import ChannelKind
    from gateway.cli._watch import Watch
    from gateway.config import Config

SUMMARY = "examine everything the configuration names, live: store, models, providers, receivers"

Examination = Callable[[], Awaitable[Sequence[Finding]]]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    accept_config(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address the gateway listens on")
    parser.add_argument("--port", type=int, default=12345, help="port the gateway listens on")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def run(args: argparse.Namespace) -> int:
    """Print one line for each thing examined; 0 when nothing has failed, else 1."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    from gateway.channel.discovery import discover

    config = load_config(args)
    findings = []
    async for finding in examine(config, discover(), args.host, args.port):
        findings.append(finding)
        if not args.json:
            print(finding, flush=True)
    if args.json:
        print(_as_json(findings))
    return int(any(one.verdict is Verdict.FAILED for one in findings))


async def examine(
    config: "Config", kinds: Mapping[str, "ChannelKind"], host: str, port: int
) -> AsyncIterator[Finding]:
    """Yield what is found, in an order that goes from the inside to the outside."""
    from gateway.cli._watch import Watch
    from gateway.domain.clock import SystemClock
    from gateway.egress.client import EgressClient

    async with EgressClient() as http:
        watch = Watch(http, SystemClock())
        tasks = [
            asyncio.create_task(examined(about, examination))
            for about, examination in _examinations(config, kinds, host, port, watch)
        ]
        for task in tasks:
            for finding in await task:
                yield finding
        for finding in watch.findings():
            yield finding


def _examinations(
    config: "Config", kinds: Mapping[str, "ChannelKind"], host: str, port: int, watch: "Watch"
) -> Sequence[tuple[str, Examination]]:
    from gateway.cli import _flows, _machine, _reach

    local = {
        "data directory": _machine.data_directory,
        "disk": _machine.room,
        "secret key": _machine.secret_key,
        "time zone": _machine.time_zone,
        "speech model": _machine.speech,
        "calendars": _flows.years,
    }
    return [
        *((about, partial(asyncio.to_thread, look, config)) for about, look in local.items()),
        ("store", partial(_reach.store, config)),
        *([("redis", partial(_reach.redis, config.redis.url))] if config.redis.url else []),
        *(
            (f"port {number} on {place}", partial(_machine.port, place, number, watch))
            for place, number in [(host, port), *_admin_address(config)]
        ),
        *(
            (
                f"channel {one.kind}/{one.account}",
                partial(_reach.account, one, kinds[one.kind], config, watch),
            )
            for one in config.channels
        ),
        *(
            (f"endpoint {one.name}", partial(_reach.endpoint, one, config, watch))
            for one in config.endpoints
        ),
        ("public URL", partial(_reach.public_url, config, watch)),
    ]


def _admin_address(config: "Config") -> Sequence[tuple[str, int]]:
    if config.admin.listen is None:
        return []
    host, _, number = config.admin.listen.rpartition(":")
    return [(host.strip("[]"), int(number))]


def _as_json(findings: Sequence[Finding]) -> str:
    import msgspec

    document = {
        "ok": all(one.verdict is not Verdict.FAILED for one in findings),
        "findings": [
            {
                "verdict": one.verdict.value,
                "about": one.about,
                "what": one.what,
                "cure": one.cure,
            }
            for one in findings
        ],
    }
    return msgspec.json.encode(document).decode()
