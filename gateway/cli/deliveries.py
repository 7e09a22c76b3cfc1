"""``hotline deliveries``: what went to the backends, and what to do about what did not."""

import argparse
import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway.cli._settings import accept_config, load_config
from gateway.domain.errors import GatewayError

if TYPE_CHECKING:  # the store is not needed to show a command's help
    from gateway.cli._delivery_desk import Desk, Line

SUMMARY = "look at deliveries, replay events, revive dead letters, pause and resume endpoints"

TOKEN_VARIABLE = "HOTLINE_TOKEN"  # noqa: S105 - the name of a variable
_LOOKING = {"list", "endpoints", "dead"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the log of attempts, newest first")
    _accept_case(listing)
    listing.add_argument("--endpoint", metavar="NAME", help="only to this endpoint")
    listing.add_argument("--limit", type=_count, default=50, metavar="N", help="default: 50")

    endpoints = actions.add_parser("endpoints", help="how every endpoint stands")

    dead = actions.add_parser("dead", help="dead letters and held deliveries, oldest first")
    dead.add_argument("--endpoint", metavar="NAME", help="only of this endpoint")

    replay = actions.add_parser("replay", help="send past events again, in order")
    _accept_case(replay)
    replay.add_argument("--endpoint", metavar="NAME", help="only to this one (default: to all)")
    replay.add_argument("--since", type=_moment, metavar="TIME", help="RFC 3339 with offset")
    replay.add_argument(
        "--type",
        action="append",
        default=[],
        metavar="TYPE",
        help="a type or a family such as draft.*; may be given several times",
    )

    revive = actions.add_parser("revive", help="give dead letters another life")
    revive.add_argument(
        "numbers", type=_count, nargs="*", metavar="NUMBER", help="as hotline deliveries dead shows"
    )
    revive.add_argument("--endpoint", metavar="NAME", help="every dead letter of this endpoint")

    pause = actions.add_parser("pause", help="stop calling an endpoint; its events wait in order")
    pause.add_argument("name", metavar="NAME")
    pause.add_argument("--reason", default="", metavar="TEXT", help="shown to whoever looks")

    resume = actions.add_parser("resume", help="call an endpoint again, at once")
    resume.add_argument("name", metavar="NAME")

    for action in (listing, endpoints, dead, replay, revive, pause, resume):
        accept_config(action)
        action.add_argument("--url", metavar="URL", help="ask the gateway that runs there")
        action.add_argument(
            "--token", metavar="TOKEN", help=f"its API token (default: ${TOKEN_VARIABLE})"
        )
        action.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Run the chosen sub-command."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    async with _desk(args) as desk:
        match args.action:
            case "list":
                _show(await desk.attempts(_chosen(args), args.limit), _attempt_line, args)
            case "endpoints":
                _show(await desk.endpoints(), _endpoint_line, args)
            case "dead":
                _show(await desk.dead(args.endpoint), _dead_line, args)
            case "replay":
                _tell(await desk.replay(_wanted(args)), "event", "put into the outbox again", args)
            case "revive":
                if not args.numbers and not args.endpoint:
                    raise GatewayError(
                        "no dead letter was named", "give their numbers, or --endpoint NAME"
                    )
                count = await desk.revive(args.numbers, args.endpoint)
                _tell(count, "dead letter", "revived", args)
                return 0 if count else 1
            case "pause":
                await desk.pause(args.name, args.reason)
                _say(f"paused {args.name}; its events wait in order", args)
            case _:
                await desk.resume(args.name)
                _say(f"resumed {args.name}", args)
    return 0


def _desk(args: argparse.Namespace) -> "AbstractAsyncContextManager[Desk]":
    from gateway.cli._delivery_desk import desk_in_store, desk_over_http

    if args.url is None:
        return desk_in_store(load_config(args), changes=args.action not in _LOOKING)
    token = args.token or os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise GatewayError(
            "a running gateway wants an API token",
            f"give --token TOKEN or set {TOKEN_VARIABLE}; hotline token create makes one",
        )
    return desk_over_http(args.url, token)


def _accept_case(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--draft", metavar="ID", help="only of this draft")
    parser.add_argument("--event", metavar="ID", help="only this event")


def _chosen(args: argparse.Namespace) -> Mapping[str, str]:
    given = {"draft_id": args.draft, "event_id": args.event, "endpoint": args.endpoint}
    return {name: value for name, value in given.items() if value}


def _wanted(args: argparse.Namespace) -> Mapping[str, Any]:
    given = {
        "endpoint": args.endpoint,
        "draft_id": args.draft,
        "event_ids": [args.event] if args.event else None,
        "since": args.since.isoformat() if args.since else None,
        "types": args.type or None,
    }
    wanted = {name: value for name, value in given.items() if value}
    if not wanted.keys() - {"endpoint"}:
        raise GatewayError(
            "a replay of everything was asked for",
            "choose with --event, --draft, --type or --since",
        )
    return wanted


def _show(lines: "Sequence[Line]", plain: Any, args: argparse.Namespace) -> None:
    for line in lines:
        print(json.dumps(line, ensure_ascii=False) if args.json else plain(line))
    if not lines and not args.json:
        print("nothing")


def _tell(count: int, what: str, done: str, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps({"deliveries": count}))
    else:
        print(f"{count} {what}{'' if count == 1 else 's'} {done}")


def _say(text: str, args: argparse.Namespace) -> None:
    if not args.json:
        print(text)


def _attempt_line(line: "Line") -> str:
    status = line.get("status")
    parts = [
        line["started"],
        f"{line['endpoint']}",
        f"{line['event_id']}",
        f"#{line['number']}",
        f"{line['outcome']}",
        f"{line['took_ms']:.0f} ms",
        "" if status is None else f"HTTP {status}",
        f"draft {line['draft_id']}" if line.get("draft_id") else "",
        line.get("error") or "",
    ]
    return "  ".join(part for part in parts if part)


def _endpoint_line(line: "Line") -> str:
    state = f"paused ({line['paused']})" if line.get("paused") else f"breaker {line['breaker']}"
    if line.get("reason") and not line.get("paused"):
        state += f" ({line['reason']})"
    last = line.get("last_success") or "never"
    missing = "" if line["configured"] else "  not in the configuration"
    return (
        f"{line['name']}  {state}  pending {line['pending']}  dead {line['dead']}"
        f"  held {line['held']}  last success {last}{missing}"
    )


def _dead_line(line: "Line") -> str:
    kind = "held" if line["held"] else "dead"
    return (
        f"{line['seq']}  {kind}  {line['endpoint']}  {line['type']}  {line['event_id']}"
        f"  {line['attempts']} attempts  {line['error']}"
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time") from None
    if moment.utcoffset() is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no offset; write 2027-01-31T08:00:00+08:00")
    return moment


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1")
    return int(text)
