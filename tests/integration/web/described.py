"""The API's description as it is served, made without a server, for tests built from it."""

from typing import Any, cast

from gateway.channel.contract import Account
from gateway.domain.clock import SystemClock
from gateway.domain.ids import UlidFactory
from gateway.intake.desk import Desk
from gateway.store.ledger import Ledgers
from gateway.web.api.application import Api
from gateway.web.surfaces import api


def described_api(*accounts: Account) -> Api:
    """Return an API whose operations can be read but, having no store, not called."""
    nothing = cast(Any, None)
    clock = SystemClock()
    return api(
        Ledgers(store=nothing, clock=clock, ids=UlidFactory(clock), wakeup=nothing),
        Desk(ledgers=nothing, casebook=nothing),
        accounts,
        endpoints=(),
        blobs=nothing,
        note=lambda name, **values: None,
        read_timeout_s=1.0,
        live=nothing,
    )
