"""What the doctor examines beyond this process: the store, Redis, providers, receivers."""

import asyncio
import fcntl
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from gateway.app import folder_of, site_of
from gateway.blobs import DirectoryBlobs, DirectoryRecorder
from gateway.channel.contract import Account, ChannelKind
from gateway.channel.http import (
    CONFIGURED,
    EgressError,
    EgressErrorKind,
    HttpClient,
    Limits,
)
from gateway.channel.ports import Ports
from gateway.channel.speech import Unavailable
from gateway.cli._finding import Finding, failed, ok, warning
from gateway.config import ChannelSettings, Config, Endpoint
from gateway.config.values import is_here
from gateway.domain.clock import SystemClock
from gateway.domain.ids import UlidFactory
from gateway.domain.intake import CaseStatus
from gateway.domain.schema import SCHEMA_ID
from gateway.intake.inbox import AccountSink
from gateway.store import schema
from gateway.store.beside import open_beside
from gateway.web.api.application import SCHEMA_PATH
from gateway.web.pages import Pages

_PATIENCE = Limits(connect_s=4.0, total_s=8.0, body_bytes=1 << 20)
_REDIS_PATIENCE_S = 4.0


async def store(config: Config) -> Sequence[Finding]:
    """Whether the database answers and has this version's schema. Makes and changes nothing."""
    url = config.store.url
    if not url.startswith("sqlite:///"):
        return [await _postgres(url)]
    path = Path(url.removeprefix("sqlite:///"))
    if not await asyncio.to_thread(_has_content, path):
        return [ok("store", f"{path} will be made at the first start")]
    async with open_beside(url) as beside:
        version = await beside.read(schema.version_of)
    used = await asyncio.to_thread(_is_claimed, path)
    state = "in use by a running gateway" if used else "not in use"
    return [ok("store", f"{path}, schema {version}, {state}")]


async def _postgres(url: str) -> Finding:
    from gateway.store.postgres import PostgresStore

    server = PostgresStore(url, pool=1)
    try:
        await server.open()
        version = await server.read(schema.version_of)
        if version is None:
            return ok("store", "PostgreSQL answers; the first start makes the tables")
        await server.read(schema.require_current)
    finally:
        await server.close()
    return ok("store", f"PostgreSQL answers, schema {version}")


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _is_claimed(path: Path) -> bool:
    """Tell whether a gateway process holds the embedded database.

    Looking takes a microsecond, in which a gateway that starts just then would be refused.
    """
    try:
        lock = os.open(f"{path}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


async def redis(url: str) -> Sequence[Finding]:
    """Whether Redis answers, where the configuration names one."""
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import AuthenticationError, RedisError, ResponseError

    parts = urlsplit(url)
    where = f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    client: Redis = Redis.from_url(
        url,
        socket_connect_timeout=_REDIS_PATIENCE_S,
        socket_timeout=_REDIS_PATIENCE_S,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        await client.get("hotline:doctor")  # unlike PING this needs a permission
    except (AuthenticationError, ResponseError):
        return [failed("redis", f"{where} refuses us", "check user and password in redis.url")]
    except (RedisError, OSError, TimeoutError):
        cure = "check redis.url and the server (until then work waits for the next poll)"
        return [failed("redis", f"{where} does not answer", cure)]
    finally:
        await client.aclose()
    return [ok("redis", f"{where} answers")]


async def public_url(config: Config, http: HttpClient) -> Sequence[Finding]:
    """Whether the address citizens use leads here; from inside that is not always to be seen."""
    about, url = "public URL", str(config.site.public_url).rstrip("/")
    cure = "check DNS, certificate and proxy from outside; not every network can reach itself"
    try:
        reply = await http.request("GET", url + SCHEMA_PATH, limits=_PATIENCE, allow=CONFIGURED)
    except EgressError as error:
        if is_here(url) and error.kind is EgressErrorKind.REFUSED:
            return [warning(about, f"nothing listens at {url}", "start the gateway")]
        return [warning(about, error.message, error.cure or cure)]
    if reply.status == 200 and _is_ours(reply.body):
        return [ok(about, f"{url} leads to a gateway")]
    return [
        warning(
            about,
            f"{url} answers, but not as a gateway (status {reply.status})",
            "start the gateway, and let the proxy pass every path on unchanged",
        )
    ]


def _is_ours(body: bytes) -> bool:
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("$id") == SCHEMA_ID


async def account(
    settings: ChannelSettings, kind: ChannelKind, config: Config, http: HttpClient
) -> Sequence[Finding]:
    """Whether an account can be built, and what its provider says of our credentials."""
    about = f"channel {settings.kind}/{settings.account}"
    built = _built(settings, kind, config, http)
    if built.lifecycle is None:
        return [ok(about, "ready; it has no provider to ask")]
    trouble = await built.lifecycle.probe()
    if trouble is None:
        return [ok(about, "the provider knows us")]
    what, _, cure = trouble.partition("; ")
    if config.demo.carriers and is_here(settings.base_url or ""):
        return [warning(about, what, "its stand-in runs while hotline serve does")]
    return [failed(about, what, cure)]


def _built(
    settings: ChannelSettings, kind: ChannelKind, config: Config, http: HttpClient
) -> Account:
    """Build the account as the gateway does, without a store and without starting anything."""
    clock = SystemClock()
    blobs = DirectoryBlobs(config.blobs.directory)
    ports = Ports(
        # Nothing sealed here is ever opened, and a missing key is not ours to make.
        site=site_of(config, secrets.token_bytes(32)),
        clock=clock,
        ids=UlidFactory(clock),
        http=http,
        sink=AccountSink(),
        uploads=blobs,
        cases=_NoCases(),
        pages=Pages(folder_of(kind) / "templates", config.site.name),
        recogniser=Unavailable(reason="not loaded", cure="start the gateway"),
        recorder=DirectoryRecorder(blobs),
        log=_Silence(),
    )
    return kind.build(settings, ports)


async def endpoint(one: Endpoint, config: Config, http: HttpClient) -> Sequence[Finding]:
    """Whether a receiver can be reached as a delivery would; nothing is handed over."""
    about = f"endpoint {one.name}"
    try:
        reply = await http.request("HEAD", one.url, limits=_PATIENCE, allow=one.allow)
    except EgressError as error:
        if error.kind is EgressErrorKind.BLOCKED:
            cure = f"if it is meant, add its network to `allow` of endpoint {one.name}"
            return [failed(about, error.message, cure)]
        if config.demo.backend == one.name:
            return [warning(about, error.message, "the sample backend runs beside hotline serve")]
        return [failed(about, error.message, error.cure or "check its url and the server there")]
    if reply.status in {502, 503, 504}:
        return [
            warning(about, f"a proxy answers for it: {reply.status}", "check the server behind it")
        ]
    return [ok(about, "can be reached")]


class _NoCases:
    """Nobody asks for a case here."""

    async def status(self, receipt_no: str, query_code: str) -> CaseStatus | None:
        return None


class _Silence:
    """What a channel logs while it is built is not what the doctor was asked."""

    def info(self, event: str, **values: object) -> None:
        return

    def warning(self, event: str, **values: object) -> None:
        return
