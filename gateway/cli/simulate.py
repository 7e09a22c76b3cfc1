"""``hotline simulate``: one contact against a running gateway, as its real provider would make it.

Which accounts there are, and the secrets that sign for them, are read from the configuration: the
simulator of a channel stands in for the provider and needs what the provider knows.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gateway.cli import UsageError
from gateway.cli._settings import accept_config, load_config
from gateway.domain.errors import GatewayError

if TYPE_CHECKING:  # what a channel brings is imported only when a contact is made
    from gateway.channel import ChannelKind
    from gateway.channel.simulation import PlacedCall, PlacesCalls
    from gateway.config import ChannelSettings, Config

SUMMARY = "let one simulated citizen contact a running gateway"

URL = "http://127.0.0.1:12345"
_CITIZEN = "+8613800138000"
_SENTENCE = "小区门口的路灯坏了三天，请派人来修。"


class NoSuchAccount(GatewayError):
    """Nobody can get in touch through what the command line names."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add one sub-command for calls and one for each channel of text."""
    means = parser.add_subparsers(
        title="contacts", metavar="CONTACT", dest="contact", required=True
    )
    call = means.add_parser("call", help="a telephone call that says what is in a recording")
    said = call.add_mutually_exclusive_group(required=True)
    said.add_argument("--wav", type=Path, metavar="FILE", help="what is said")
    said.add_argument(
        "--script",
        type=Path,
        metavar="FILE",
        help="what the caller does, a line each time something is asked: keys, wav FILE, words "
        "(accounts without live audio), nothing, hangup",
    )
    call.add_argument(
        "--speed", type=float, default=1.0, metavar="N", help="N times faster than life (up to 50)"
    )
    call.add_argument("--keys", default="", help="keys pressed after the last word")
    call.add_argument(
        "--hang-up-after",
        type=float,
        metavar="SECONDS",
        help="hang up this long after beginning to speak",
    )
    _accept_common(call)
    call.set_defaults(simulate=_call)
    for kind, what in (("sms", "a text message"), ("web", "a request to the intake API")):
        text = means.add_parser(kind, help=what)
        text.add_argument("--text", default=_SENTENCE, help="what is written")
        _accept_common(text)
        text.set_defaults(simulate=_text)


def _accept_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default=URL, help=f"where the gateway listens (default: {URL})")
    parser.add_argument("--account", help="which account (default: the first of the channel)")
    parser.add_argument(
        "--from", dest="sender", default=_CITIZEN, metavar="NUMBER", help="who gets in touch"
    )
    accept_config(parser, data=False)


def run(args: argparse.Namespace) -> int:
    """Make the contact and print what came of it; 0 when the gateway took it."""
    simulate = cast(Callable[[argparse.Namespace], int], args.simulate)
    return simulate(args)


def _call(args: argparse.Namespace) -> int:
    settings, kind, public_url = _account(load_config(args), "voice", args.account)
    simulator = _simulator(kind, settings, public_url)
    pace = "in real time" if args.speed == 1 else f"{args.speed:g} times faster than life"
    placed = _scripted(args, simulator, pace) if args.script else _spoken(args, simulator, pace)
    for line in _told(placed):
        print(line)
    # A caller who hangs up expects no number; one who stays and hears none was not taken.
    return 0 if placed.numbers or placed.ended_by == "caller" or args.script else 1


def _scripted(args: argparse.Namespace, simulator: object, pace: str) -> "PlacedCall":
    import asyncio

    from gateway.channel.simulation import FollowsScripts

    if not isinstance(simulator, FollowsScripts):
        raise NoSuchAccount("this account's simulator follows no scripts", "use --wav")
    try:
        script = args.script.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{args.script} cannot be read", "name a text file") from None
    print(f"calling {args.url} {pace}: the caller follows {len(script)} lines", flush=True)
    return asyncio.run(
        simulator.follow_script(script, sender=args.sender, server=args.url, speed=args.speed)
    )


def _spoken(args: argparse.Namespace, simulator: object, pace: str) -> "PlacedCall":
    import asyncio

    from gateway.demo.reaching import LINE_RATE, line_audio

    pcm = line_audio(args.wav)
    caller = cast("PlacesCalls", simulator)
    seconds: float | None = args.hang_up_after
    print(
        f"calling {args.url} {pace}: after the greeting the caller speaks for "
        f"{len(pcm) / 2 / LINE_RATE:.0f} s",
        flush=True,
    )
    return asyncio.run(
        caller.place_call(
            pcm,
            sender=args.sender,
            server=args.url,
            speed=args.speed,
            keys=args.keys,
            hang_up_after_ms=None if seconds is None else round(seconds * 1000),
        )
    )


def _told(placed: "PlacedCall") -> list[str]:
    lines = [
        f"call {placed.call_id}: {placed.duration_ms / 1000:.1f} s, ended by the {placed.ended_by}"
    ]
    if placed.numbers:
        lines.append(f"receipt number heard: {placed.numbers[0]}")
    if len(set(placed.numbers)) > 1:
        lines.append(f"query code heard: {placed.numbers[-1]}")
    if not placed.numbers:
        lines.append("no receipt number was heard")
    if placed.afterwards == "record":
        lines.append("the carrier was asked to record the caller")
    return lines


def _text(args: argparse.Namespace) -> int:
    import asyncio

    from gateway.demo.reaching import Reach

    settings, kind, public_url = _account(load_config(args), args.contact, args.account)
    simulator = _simulator(kind, settings, public_url)
    raw = simulator.message(args.text, sender=args.sender)
    reach = Reach(server=args.url, public_url=public_url)
    status, answer = asyncio.run(reach.post(raw))
    print(f"{raw.method} {raw.url.removeprefix(public_url)}: {status}")
    if answer.strip():
        print(answer.strip())
    return 0 if 200 <= status < 300 else 1


def _account(
    config: "Config", kind: str, name: str | None
) -> "tuple[ChannelSettings, ChannelKind, str]":
    from gateway.channel.discovery import discover

    accounts = [one for one in config.channels if one.kind == kind]
    chosen = [one for one in accounts if name in (None, one.account)]
    if not chosen:
        there = ", ".join(one.account for one in accounts) or "none"
        raise NoSuchAccount(
            f"the configuration has no {kind} account{f' {name!r}' if name else ''}",
            f"add one under channels, or name one that is there ({there}) with --account",
        )
    return chosen[0], discover()[kind], config.site.public_url


def _simulator(kind: "ChannelKind", settings: "ChannelSettings", public_url: str):  # type: ignore[no-untyped-def]
    if kind.simulator is None:
        raise NoSuchAccount(f"the channel {kind.kind} has no simulator", "use its real provider")
    return kind.simulator(settings, public_url)
