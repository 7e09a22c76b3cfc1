"""Who may call the API: bearer tokens, looked up in the store and remembered for a moment."""

import hashlib
from collections import OrderedDict

from aiohttp import hdrs, web

from gateway.domain.ids import Clock
from gateway.store import tokens
from gateway.store.engine import Store
from gateway.store.tokens import Scope, Token
from gateway.web.problems import Problem

REMEMBERED_S = 2.0
"""How long a token is believed without looking again: so soon a revocation acts everywhere."""

_MOST_REMEMBERED = 1_000


class Access:
    """Checks tokens; only good ones are remembered, so guesses displace nothing."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Token]] = OrderedDict()

    async def require(self, request: web.Request, scope: Scope) -> Token:
        """Return the token of a request; raises ``Problem`` 401 or 403."""
        kind, _, text = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        token = await self._token(text.strip()) if kind.lower() == "bearer" else None
        if token is None:
            raise Problem("unauthorized")
        if not token.allows(scope):
            raise Problem("forbidden", f"use a token with the scope {scope}")
        return token

    async def _token(self, text: str) -> Token | None:
        now = self._clock.monotonic()
        # The key is a digest: the tokens themselves do not stay in memory.
        key = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
        until, token = self._known.get(key, (0.0, None))
        if token is not None and now < until:
            return token
        self._known.pop(key, None)
        if tokens.id_in(text) is None:
            return None
        token = await self._store.read(lambda connection: tokens.check(connection, text))
        if token is not None:
            self._known[key] = (now + REMEMBERED_S, token)
            while len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        return token
