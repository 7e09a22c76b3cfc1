"""Gateways that are broken on purpose, each in one step: the harness must catch every one."""

import asyncio
import os
import secrets
import signal
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

LATE_S = 0.3
POISON = "毒"


def _acknowledges_before_it_commits() -> None:
    """Tell the citizen "ok" first and store the message a little later."""
    from gateway.domain.intake import Outcome
    from gateway.intake.inbox import Inbox

    store = Inbox.commit
    under_way: set[asyncio.Task[Any]] = set()

    async def later(self: Inbox, *arguments: Any) -> None:
        await asyncio.sleep(LATE_S)
        await store(self, *arguments)

    async def at_once(self: Inbox, *arguments: Any) -> Outcome:
        task = asyncio.create_task(later(self, *arguments))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        return Outcome(status="accepted")

    Inbox.commit = at_once  # type: ignore[method-assign, assignment]


def _takes_redeliveries_for_news() -> None:
    """Store a message again when the provider sends it again."""
    from gateway.store import inbound

    def another(*of: str) -> int:
        return secrets.randbits(62)

    vars(inbound)["_identity"] = another


def _finishes_deliveries_before_it_sends() -> None:
    """Strike a delivery off the list and only then send it."""
    from gateway.delivery.courier import Courier

    post = Courier._post
    settle = Courier._settle

    async def no_post(self: Courier, *arguments: Any) -> Any:
        from gateway.channel.http import EgressReply

        return EgressReply(status=200, headers={}, body=b"{}", truncated=False, elapsed=0.0)

    async def settle_and_post(
        self: Courier, one: Any, told: Any, attempt: Any, verdict: Any, outcome: Any
    ) -> Any:
        result = await settle(self, one, told, attempt, verdict, outcome)
        await asyncio.sleep(LATE_S)
        await post(self, told, self._clock.now())
        return result

    Courier._post = no_post  # type: ignore[method-assign, assignment]
    Courier._settle = settle_and_post  # type: ignore[method-assign]


def _dies_of_poison() -> None:
    """Die whenever a message that says ``POISON`` is put into a draft, as a bad library would."""
    from gateway.intake.casebook import Casebook

    message = Casebook._message

    def swallow(self: Casebook, ledger: Any, stored: Any, event: Any) -> Any:
        if POISON in event.text:
            os.kill(os.getpid(), signal.SIGKILL)
        return message(self, ledger, stored, event)

    Casebook._message = swallow  # type: ignore[method-assign]


BREAK: Mapping[str, Callable[[], None]] = MappingProxyType(
    {
        "acknowledges before it commits": _acknowledges_before_it_commits,
        "takes redeliveries for news": _takes_redeliveries_for_news,
        "dies of poison": _dies_of_poison,
        "finishes deliveries before it sends": _finishes_deliveries_before_it_sends,
    }
)
