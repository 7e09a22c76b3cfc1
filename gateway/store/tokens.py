"""API tokens: ``hlt_<id>_<secret>``, of which only the SHA-256 of the secret is kept.

The secret has 256 random bits, so a plain hash is enough: there is nothing to guess from it.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, RowMapping, insert, select, update

from gateway.domain.errors import GatewayError
from gateway.store import audit
from gateway.store.errors import NotFound
from gateway.store.tables import TOKEN

_TEXT = re.compile(r"hlt_([0-9A-HJKMNP-TV-Z]{26})_([A-Za-z0-9_-]{43})", re.ASCII)
_LABEL = re.compile(r"[^\x00-\x20/\x7f](?:[^\x00-\x1f/\x7f]{0,38}[^\x00-\x20/\x7f])?")


class Scope(StrEnum):
    """What a token allows."""

    DRAFTS_READ = "drafts:read"
    DRAFTS_WRITE = "drafts:write"
    FEED_READ = "feed:read"
    DELIVERIES_READ = "deliveries:read"
    DELIVERIES_WRITE = "deliveries:write"
    ADMIN = "admin"
    """Everything the others allow."""


class BadLabel(GatewayError):
    """A label that cannot name the holder of a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token; times in store microseconds."""

    token_id: str
    label: str
    scopes: frozenset[Scope]
    created_at: int
    revoked_at: int | None = None

    @property
    def holder(self) -> str:
        """The name under which what the token does is written down: readable and unambiguous."""
        return f"{self.label}/{self.token_id}"

    def allows(self, scope: Scope) -> bool:
        """Tell whether the token may do what needs ``scope``."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def new_secret() -> str:
    """Return 43 URL-safe characters that nobody can guess."""
    return secrets.token_urlsafe(32)


def text_of(token_id: str, secret: str) -> str:
    """Return the token as its holder keeps it; the gateway shows it once and never again."""
    return f"hlt_{token_id}_{secret}"


def id_in(text: str) -> str | None:
    """Return the id inside a token's text, or None when it is not of a token's form."""
    found = _TEXT.fullmatch(text)
    return None if found is None else found[1]


def create(
    connection: Connection,
    *,
    token_id: str,
    secret: str,
    label: str,
    scopes: Collection[Scope],
    now: int,
    actor: str,
) -> Token:
    """Store a new token; raises ``BadLabel``."""
    if not _LABEL.fullmatch(label):
        raise BadLabel(
            "a token's label must be 1 to 40 printable characters without a slash",
            "name the program or person who will hold it, for example --label console",
        )
    token = Token(token_id=token_id, label=label, scopes=frozenset(scopes), created_at=now)
    connection.execute(
        insert(TOKEN).values(
            token_id=token_id,
            hash=_digest(secret),
            label=label,
            scopes=json.dumps(sorted(scope.value for scope in token.scopes)),
            created_at=now,
        )
    )
    audit.write(
        connection,
        at=now,
        actor=actor,
        action="token.created",
        subject=token_id,
        detail={"label": label, "scopes": sorted(token.scopes)},
    )
    return token


def check(connection: Connection, text: str) -> Token | None:
    """Return the live token whose text this is; None does not tell why it is none."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    row = connection.execute(select(TOKEN).where(TOKEN.c.token_id == found[1])).mappings().first()
    given = _digest(found[2])
    # Compared also when there is no such token, so that the time taken does not tell.
    matches = hmac.compare_digest(given, "" if row is None else row["hash"])
    if row is None or not matches or row["revoked_at"] is not None:
        return None
    return _token(row)


def listing(connection: Connection) -> list[Token]:
    """Return every token there ever was, oldest first."""
    rows = connection.execute(select(TOKEN).order_by(TOKEN.c.token_id)).mappings()
    return [_token(row) for row in rows]


def revoke(connection: Connection, token_id: str, *, now: int, actor: str) -> Token:
    """End a token; ending it again changes nothing. Raises ``NotFound``."""
    row = connection.execute(select(TOKEN).where(TOKEN.c.token_id == token_id)).mappings().first()
    if row is None:
        raise NotFound("there is no token with this id", "hotline token list shows the ids")
    if row["revoked_at"] is None:
        connection.execute(update(TOKEN).where(TOKEN.c.token_id == token_id).values(revoked_at=now))
        audit.write(connection, at=now, actor=actor, action="token.revoked", subject=token_id)
    return _token(row)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: RowMapping) -> Token:
    known = {scope.value: scope for scope in Scope}
    return Token(
        token_id=row["token_id"],
        label=row["label"],
        # A scope of a newer gateway means nothing to this one.
        scopes=frozenset(known[name] for name in json.loads(row["scopes"]) if name in known),
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )
