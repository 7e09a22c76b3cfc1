"""The one SQL schema. Times are integer microseconds since 1970 UTC; documents are JSON text."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA = MetaData()

_SEQ = BigInteger().with_variant(Integer, "sqlite")

INBOUND = Table(
    "inbound",
    METADATA,
    Column("inbound_id", String(26), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("account", String(64), nullable=False),
    Column("contact", Text, nullable=False),
    # Digests of 64 bits: of kind, account, contact and the provider's id, and of what was said.
    # Contacts stay out of the index, and it stays small: its entries come in random order.
    Column("dedupe", BigInteger, nullable=False),
    Column("content", BigInteger, nullable=False),
    # 0 for the first event with a provider's id, the content's digest for others with that id; the
    # time of receipt for those without an id, which may recur.
    Column("slot", BigInteger, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("raw", LargeBinary),
    Column("draft_id", String(26)),
    UniqueConstraint("dedupe", "slot", name="uq_inbound_delivery"),
)

# Events on their way into the queue of work: written in order, and without an index.
ARRIVAL = Table(
    "arrival",
    METADATA,
    Column("seq", _SEQ, primary_key=True, autoincrement=True),
    Column("inbound_id", String(26), nullable=False),
    Column("lane", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)

WORK = Table(
    "work",
    METADATA,
    Column("seq", _SEQ, primary_key=True, autoincrement=True),
    Column("queue", String(80), nullable=False),
    Column("lane", Text),
    Column("head", Boolean, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("claims", Integer, nullable=False, server_default="0"),
    Column("claim_id", String(26)),
    Column("lease_until", BigInteger),
    Column("subject", String(26), nullable=False),
    Column("payload", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("error", Text),
    sqlite_autoincrement=True,
)
# State numbers as in work.py: 0 ready, 1 claimed, 2 held, 3 dead. Only a lane's head is claimable.
Index(
    "ix_work_claimable",
    WORK.c.queue,
    WORK.c.due,
    WORK.c.seq,
    sqlite_where=text("state = 0 AND head"),
    postgresql_where=text("state = 0 AND head"),
)
Index(
    "ix_work_lane",
    WORK.c.lane,
    WORK.c.seq,
    sqlite_where=WORK.c.state < 3,
    postgresql_where=WORK.c.state < 3,
)
Index(
    "ix_work_lease",
    WORK.c.lease_until,
    sqlite_where=WORK.c.state == 1,
    postgresql_where=WORK.c.state == 1,
)
Index(
    "ix_work_stopped",
    WORK.c.queue,
    WORK.c.seq,
    sqlite_where=WORK.c.state >= 2,
    postgresql_where=WORK.c.state >= 2,
)

DRAFT = Table(
    "draft",
    METADATA,
    Column("draft_id", String(26), primary_key=True),
    Column("receipt_no", String(20), nullable=False, unique=True),
    Column("query_hash", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("account", String(64), nullable=False),
    Column("contact", Text, nullable=False),
    Column("entry", Text, nullable=False),
    Column("conversation", Text),
    Column("received_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # When a collecting draft is sealed: min(last message + quiet, first + cap).
    Column("seal_at", BigInteger),
)
Index("ix_draft_contact", DRAFT.c.contact, DRAFT.c.received_at)
Index("ix_draft_conversation", DRAFT.c.conversation)
Index("ix_draft_state", DRAFT.c.state, DRAFT.c.received_at)
Index(
    "ix_draft_seal",
    DRAFT.c.seal_at,
    sqlite_where=DRAFT.c.seal_at.is_not(None),
    postgresql_where=DRAFT.c.seal_at.is_not(None),
)

REVISION = Table(
    "draft_revision",
    METADATA,
    Column("draft_id", String(26), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("changed", Text, nullable=False),
    Column("body", Text, nullable=False),
)

EVENT = Table(
    "event",
    METADATA,
    # Numbered under one lock, so that numbers become visible in order (see feed.py).
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", String(30), nullable=False, unique=True),
    Column("type", String(40), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("draft_id", String(26)),
    Column("revision", Integer),
    Column("changed", Text, nullable=False),
    Column("data", Text),
)
Index("ix_event_at", EVENT.c.at)
Index("ix_event_draft", EVENT.c.draft_id)

ATTEMPT = Table(
    "attempt",
    METADATA,
    Column("attempt_id", _SEQ, primary_key=True, autoincrement=True),
    Column("endpoint", String(64), nullable=False),
    Column("event_id", String(30), nullable=False),
    Column("draft_id", String(26)),
    Column("number", Integer, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("took_us", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("response", Text),
    sqlite_autoincrement=True,
)
Index("ix_attempt_event", ATTEMPT.c.event_id)
Index("ix_attempt_endpoint", ATTEMPT.c.endpoint, ATTEMPT.c.started)

ENDPOINT = Table(
    "endpoint",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("paused", Text),
    Column("breaker", Text),
    Column("updated_at", BigInteger, nullable=False),
)

REPLY = Table(
    "reply",
    METADATA,
    Column("reply_id", String(26), primary_key=True),
    Column("draft_id", String(26), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("error", Text),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("draft_id", "purpose", name="uq_reply_once"),
)

SENT = Table(
    "sent",
    METADATA,
    Column("kind", String(32), primary_key=True),
    Column("account", String(64), primary_key=True),
    Column("sent_id", String(128), primary_key=True),
    Column("reply_id", String(26), nullable=False),
    Column("part", Integer, nullable=False),
    Column("delivery", String(16), nullable=False),
    Column("error", String(64)),
    Column("updated_at", BigInteger, nullable=False),
)
Index("ix_sent_reply", SENT.c.reply_id)

CONTACT = Table(
    "contact",
    METADATA,
    Column("kind", String(32), primary_key=True),
    Column("account", String(64), primary_key=True),
    Column("contact", Text, primary_key=True),
    Column("last_inbound_at", BigInteger),
    Column("stopped", Boolean, nullable=False),
)

TOKEN = Table(
    "token",
    METADATA,
    Column("token_id", String(26), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("label", String(80), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

COUNTER = Table(
    "counter",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("audit_id", _SEQ, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("detail", Text),
    sqlite_autoincrement=True,
)
Index("ix_audit_subject", AUDIT.c.subject)
