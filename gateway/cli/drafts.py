"""``hotline drafts``: look at the drafts in the store, also while the gateway is running."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from gateway.domain.errors import GatewayError

if TYPE_CHECKING:  # the store is not needed to show a command's help
    from gateway.domain.draft import WorkOrderDraft
    from gateway.domain.lifecycle import State
    from gateway.store.beside import Beside

SUMMARY = "list, show and export drafts"

_PAGE = 200


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    from gateway.cli._settings import accept_config

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the newest drafts, one a line")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="how many (50)")
    show = actions.add_parser("show", help="one draft as JSON")
    show.add_argument("draft", metavar="DRAFT", help="its draft id or receipt number")
    shape = show.add_mutually_exclusive_group()
    shape.add_argument("--history", action="store_true", help="who changed what, instead")
    shape.add_argument("--words", action="store_true", help="in words for people, instead")
    export = actions.add_parser("export", help="every draft, newest first, one JSON object a line")
    for action in (listing, export):
        action.add_argument(
            "--state",
            action="append",
            default=[],
            metavar="STATE",
            help="only drafts in this state; may be given several times",
        )
    for action in (listing, show, export):
        accept_config(action)


def run(args: argparse.Namespace) -> int:
    """Run the chosen sub-command."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    from gateway.cli._settings import load_config
    from gateway.store.beside import open_beside

    states = _states(getattr(args, "state", []))
    if args.action == "list" and args.limit < 1:
        raise GatewayError("--limit must be at least 1", "give a whole number such as 50")
    async with open_beside(load_config(args).store.url) as store:
        match args.action:
            case "list":
                await _list(store, states, args.limit)
            case "show":
                await _show(store, args.draft, history=args.history, words=args.words)
            case _:
                await _export(store, states)
    return 0


async def _list(store: "Beside", states: "list[State]", limit: int) -> None:
    left, before = limit, None
    while left and (page := await _page(store, states, before, min(left, _PAGE))):
        for draft in page:
            at = draft.received_at.isoformat(timespec="seconds")
            title = " ".join((draft.request.title or draft.request.content).split())[:40]
            print(
                f"{draft.draft_id}  {draft.receipt_no}  {draft.state:10}  {draft.channel:8}  "
                f"{at}  {title}"
            )
        left -= len(page)
        before = page[-1].draft_id


async def _show(store: "Beside", name: str, *, history: bool, words: bool) -> None:
    import msgspec

    from gateway.cli._draft_in_words import in_words
    from gateway.store import drafts
    from gateway.store.times import from_us

    filed = await store.read(lambda connection: drafts.by_receipt(connection, name))
    if filed is None:
        filed = await store.read(lambda connection: drafts.get(connection, name))
    draft = filed.draft
    if history:
        for one in await store.read(lambda c: drafts.history(c, draft.draft_id)):
            at = from_us(one.at).isoformat(timespec="seconds")
            print(f"{one.revision:4}  {at}  {one.actor}  {', '.join(one.changed)}")
        return
    if words:
        print("\n".join(in_words(draft)))
        return
    print(msgspec.json.format(msgspec.json.encode(draft)).decode())


async def _export(store: "Beside", states: "list[State]") -> None:
    from gateway.domain.draft import encode

    before = None
    while page := await _page(store, states, before, _PAGE):
        for draft in page:
            sys.stdout.write(encode(draft).decode() + "\n")
        before = page[-1].draft_id


async def _page(
    store: "Beside", states: "list[State]", before: str | None, limit: int
) -> "list[WorkOrderDraft]":
    from gateway.store import drafts

    return await store.read(
        lambda connection: drafts.listing(connection, states=states, before=before, limit=limit)
    )


def _states(given: list[str]) -> "list[State]":
    from gateway.domain.lifecycle import State

    known = {state.value: state for state in State}
    for name in given:
        if name not in known:
            raise GatewayError(f"there is no state {name!r}", f"choose from {', '.join(known)}")
    return [known[name] for name in given]
