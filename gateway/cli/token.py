"""``hotline token``: the keys of programs that use the API; shown once, stored hashed."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from gateway.domain.errors import GatewayError

if TYPE_CHECKING:  # the store is not needed to show a command's help
    from gateway.store.tokens import Scope

SUMMARY = "make, list and revoke API tokens"

_ACTOR = "cli"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    from gateway.cli._settings import accept_config

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a token and print it, this once")
    create.add_argument(
        "--scope",
        action="append",
        required=True,
        metavar="SCOPE",
        help="what it allows; may be given several times: drafts:read, drafts:write, feed:read, "
        "deliveries:read, deliveries:write, admin (all of them)",
    )
    create.add_argument(
        "--label", required=True, metavar="NAME", help="who holds it: a program or a person"
    )
    listing = actions.add_parser("list", help="every token with its scopes; never its secret")
    revoke = actions.add_parser("revoke", help="end a token, within seconds everywhere")
    revoke.add_argument("id", metavar="ID", help="id of the token, or the token itself")
    for action in (create, listing, revoke):
        accept_config(action)


def run(args: argparse.Namespace) -> int:
    """Run the chosen sub-command."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    from gateway.cli._settings import load_config
    from gateway.domain.clock import SystemClock
    from gateway.domain.ids import UlidFactory
    from gateway.store import tokens
    from gateway.store.beside import open_beside
    from gateway.store.times import from_us, to_us

    clock = SystemClock()
    now = to_us(clock.now())
    scopes = _scopes(args.scope) if args.action == "create" else []
    async with open_beside(load_config(args).store.url) as store:
        match args.action:
            case "create":
                token_id, secret = UlidFactory(clock).new(), tokens.new_secret()
                await store.write(
                    lambda connection: tokens.create(
                        connection,
                        token_id=token_id,
                        secret=secret,
                        label=args.label,
                        scopes=scopes,
                        now=now,
                        actor=_ACTOR,
                    )
                )
                print(tokens.text_of(token_id, secret))
            case "list":
                for token in await store.read(tokens.listing):
                    made = from_us(token.created_at).isoformat(timespec="seconds")
                    state = "live" if token.revoked_at is None else "revoked"
                    print(
                        f"{token.token_id}  {state:7}  {made}  {','.join(sorted(token.scopes))}"
                        f"  {token.label}"
                    )
            case _:
                token_id = tokens.id_in(args.id) or args.id
                token = await store.write(
                    lambda connection: tokens.revoke(connection, token_id, now=now, actor=_ACTOR)
                )
                print(f"revoked {token.token_id} ({token.label})")
    return 0


def _scopes(given: list[str]) -> "list[Scope]":
    from gateway.store.tokens import Scope

    known = {scope.value: scope for scope in Scope}
    names = [name.strip() for one in given for name in one.split(",")]
    for name in names:
        if name not in known:
            raise GatewayError(f"there is no scope {name!r}", f"choose from {', '.join(known)}")
    return [known[name] for name in names]
