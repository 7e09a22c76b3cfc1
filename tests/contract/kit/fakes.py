"""What the kit hands to a channel in place of the core: it records, and never leaves memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from gateway.channel import HttpClient, Ports, Site
from gateway.channel.http import (
    DEFAULT_LIMITS,
    EgressError,
    EgressErrorKind,
    EgressReply,
    IPNetwork,
    Limits,
)
from gateway.channel.ports import Log
from gateway.channel.speech import Recording, StoredRecording, Unavailable
from gateway.domain.ids import UlidFactory
from gateway.domain.intake import CaseStatus, Outcome, StoredEvent

PUBLIC_URL = "https://hotline.example"


class FakeClock:
    """A clock that stands still until it is told to go on.

    It starts at the real time, because simulators of providers that sign a time use that.
    """

    def __init__(self) -> None:
        self._now = datetime.now(UTC)
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """One call a channel made."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    allow: tuple[IPNetwork, ...]


@dataclass(slots=True)
class FakeHttp:
    """Answers every call with ``answer`` and remembers it."""

    answer: EgressReply | EgressError = field(
        default_factory=lambda: EgressError(EgressErrorKind.REFUSED, "nothing listens")
    )
    calls: list[Called] = field(default_factory=list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limits: Limits = DEFAULT_LIMITS,
        allow: tuple[IPNetwork, ...] = (),
    ) -> EgressReply:
        self.calls.append(
            Called(method=method, url=url, headers=dict(headers or {}), body=body, allow=allow)
        )
        if isinstance(self.answer, EgressError):
            raise self.answer
        return self.answer


@dataclass(slots=True)
class FakeLog:
    """Keeps every line a channel logs."""

    lines: list[str] = field(default_factory=list)

    def info(self, event: str, **values: object) -> None:
        self.lines.append(f"{event} {values}")

    def warning(self, event: str, **values: object) -> None:
        self.lines.append(f"{event} {values}")


class _Sink:
    async def commit(self, events: Sequence[StoredEvent], raw: bytes = b"") -> Outcome:
        return Outcome(status="accepted")


class _Uploads:
    async def put(self, content: bytes) -> str:
        return sha256(content).hexdigest()


class _Cases:
    async def status(self, receipt_no: str, query_code: str) -> CaseStatus | None:
        return None


class _Pages:
    def render(self, template: str, language: str, values: Mapping[str, Any]) -> bytes:
        return template.encode()


class _Recording:
    async def write(self, pcm: bytes) -> None:
        return None

    async def finish(self) -> StoredRecording:
        return StoredRecording(sha256="0" * 64, size=0, media_type="audio/wav", duration_ms=0)


class _Recorder:
    async def open(self, name: str, sample_rate: int, channels: int) -> Recording:
        return _Recording()


def ports(*, clock: FakeClock, http: HttpClient, log: Log) -> Ports:
    """Return everything an account may ask for."""
    return Ports(
        site=Site(
            name="12345 政务服务便民热线",
            public_url=PUBLIC_URL,
            language="zh-CN",
            timezone="Asia/Shanghai",
            region="CN",
            key=b"k" * 32,
        ),
        clock=clock,
        ids=UlidFactory(clock, randomness=bytes),
        http=http,
        sink=_Sink(),
        uploads=_Uploads(),
        cases=_Cases(),
        pages=_Pages(),
        recogniser=Unavailable(reason="none in the kit", cure="none needed"),
        recorder=_Recorder(),
        log=log,
    )
