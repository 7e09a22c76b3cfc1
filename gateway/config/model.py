"""Everything a deployment can set, with its meaning: the reference page is checked against this."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, SerializeAsAny, field_validator, model_validator

from gateway.config.endpoint import Endpoint
from gateway.config.settings import ChannelSettings, Settings
from gateway.config.values import (
    Listen,
    Name,
    Network,
    PublicUrl,
    Seconds,
    TimeZone,
    is_here,
)


class Site(Settings):
    """Who runs this hotline and where it is reached."""

    name: str = Field(
        min_length=1,
        max_length=100,
        description="Name of the hotline as citizens read it.",
        examples=["12345 政务服务便民热线"],
    )
    jurisdiction: str = Field(
        pattern=r"^[0-9]{6}$",
        description="Division code (GB/T 2260, six digits) of the place this hotline serves.",
        examples=["370100"],
    )
    public_url: PublicUrl = Field(
        description="Address at which citizens and providers reach the gateway: https, or http on "
        "127.0.0.1. Signatures are checked against it; it is never taken from a request.",
        examples=["https://hotline.example"],
    )
    timezone: TimeZone = Field(
        default=ZoneInfo("Asia/Shanghai"),
        description="Time zone of receipt numbers and of times shown to people (IANA name).",
        examples=["Asia/Shanghai"],
    )
    language: str = Field(
        default="zh-CN",
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        description="Language for a citizen whose own is not known (BCP 47 tag).",
        examples=["zh-CN"],
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Key behind what the gateway itself hands out (sign-in links, look-up codes), "
        "at least 32 characters. Not set: made at the first start and kept in `secret.key` in the "
        "data directory, readable by its owner only. Several processes need the same one.",
        examples=["file:/run/secrets/hotline_key"],
    )


class Store(Settings):
    """Where drafts, the queue and the audit trail live."""

    url: str = Field(
        default="sqlite:///data/hotline.db",
        repr=False,
        description="`sqlite:///PATH` (embedded, one machine) or `postgresql://USER:PASSWORD@HOST/"
        "DATABASE` (several processes). Put the password in as `${NAME}`.",
        examples=["postgresql://hotline:${DB_PASSWORD}@db.internal/hotline"],
    )

    @field_validator("url")
    @classmethod
    def _known_engine(cls, value: str) -> str:
        if value.startswith("sqlite:///") and value != "sqlite:///":
            return value
        if value.startswith(("postgresql://", "postgres://")):
            return value
        raise ValueError(
            "is neither sqlite:///PATH nor postgresql://…; write for example "
            "sqlite:///data/hotline.db"
        )


class Redis(Settings):
    """Optional: wakes other processes up at once. Nothing that may not be lost is kept in it."""

    url: str | None = Field(
        default=None,
        repr=False,
        pattern=r"^rediss?://",
        description="`redis://HOST:PORT/N` or `rediss://…`. Not set: processes poll the store.",
        examples=["redis://127.0.0.1:6379/0"],
    )


class Blobs(Settings):
    """Where recordings and attachments live."""

    url: str = Field(
        default="file:data/blobs",
        pattern=r"^file:.",
        description="`file:DIRECTORY`. Several processes need a directory they share.",
        examples=["file:/srv/hotline/blobs"],
    )

    @property
    def directory(self) -> Path:
        """The directory that ``url`` names."""
        return Path(self.url.removeprefix("file:"))


class Entry(Settings):
    """One number or mailbox that was merged into this hotline."""

    source: str = Field(
        min_length=1,
        description="Name of the hotline this number belonged to; drafts carry it.",
        examples=["城建热线"],
    )
    category: str | None = Field(
        default=None,
        min_length=1,
        description="Category suggested for a contact that came in here.",
        examples=["城乡建设"],
    )


class Policy(Settings):
    """What happens without an operator."""

    auto_forward: Literal["none", "urgent", "all"] = Field(
        default="none",
        description="Which drafts are forwarded without an operator's confirmation.",
        examples=["urgent"],
    )


class Conversation(Settings):
    """How messages of one citizen are put together into one draft."""

    quiet: Seconds = Field(
        default=45,
        description="A draft is complete when nothing more has come for this long.",
        examples=["45 s"],
    )
    cap: Seconds = Field(
        default=300,
        description="A draft is complete this long after its first message at the latest.",
        examples=["5 min"],
    )
    reopen_within: Seconds = Field(
        default=86400,
        description="A message this soon after the case was closed belongs to that case; a later "
        "one opens a new case linked to it.",
        examples=["24 h"],
    )

    @model_validator(mode="after")
    def _quiet_before_cap(self) -> Self:
        if self.quiet > self.cap:
            raise ValueError("quiet is longer than cap; make quiet shorter or cap longer")
        return self


class Work(Settings):
    """How background work is shared between processes."""

    lease: Seconds = Field(
        default=60,
        ge=0.5,
        le=3600,
        description="A worker that is silent for this long has lost its work to another one.",
        examples=["60 s"],
    )
    at_once: int = Field(
        default=8,
        ge=1,
        le=256,
        description="How many pieces of work of one kind a process does at the same time.",
        examples=["8"],
    )


class Speech(Settings):
    """How recordings become text."""

    model: str | None = Field(
        default="whisper-base",
        min_length=1,
        description="Model of the catalogue in `asr_models/`. `null`: calls are recorded but not "
        "transcribed.",
        examples=["whisper-base"],
    )
    server: str | None = Field(
        default=None,
        pattern=r"^wss?://",
        description="Address of the city's own FunASR server (WebSocket, 2pass). It then "
        "recognises instead of `model`.",
        examples=["ws://10.0.0.9:10095"],
    )
    language: str = Field(
        default="zh",
        pattern=r"^[a-z]{2,3}$",
        description="Language spoken by callers (ISO 639).",
        examples=["zh"],
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="How many utterances are decoded at the same time, each on a core of its own.",
        examples=["2"],
    )
    isolation: Literal["process", "thread"] = Field(
        default="process",
        description="Where the model runs. `process`: each worker is a process of its own, and an "
        "engine that crashes or hangs costs one utterance. `thread`: inside the gateway, with one "
        "copy of the model for all workers.",
        examples=["thread"],
    )
    partials: bool = Field(
        default=True,
        description="Show provisional texts while somebody speaks. They take two to three times "
        "the CPU time of the texts themselves.",
        examples=["false"],
    )
    second_pass: Literal["always", "missing", "never"] = Field(
        default="missing",
        description="Which calls are listened to again from their recording once they are over: "
        "all, those that lack words (recognition was missing, postponed or cut off), or none.",
        examples=["always"],
    )
    lexicon: tuple[Path, ...] = Field(
        default=(),
        description="Files with the words of the city: lists (`.yaml`) and tables of names "
        "(`.csv`), from the working directory.",
        examples=['["config/lexicon/jinan.yaml"]'],
    )


class Limits(Settings):
    """What one request may cost before anything in it is read."""

    read_timeout: Seconds = Field(
        default=30,
        gt=0,
        le=600,
        description="How long a request may take to arrive completely.",
        examples=["30 s"],
    )


class Admin(Settings):
    """Where health and metrics are shown."""

    listen: Listen | None = Field(
        default=None,
        description="A separate `HOST:PORT` for `/metrics` and `/admin`. Not set: they are on the "
        "main port, for the networks of `allow` only.",
        examples=["127.0.0.1:9090"],
    )
    allow: tuple[Network, ...] = Field(
        default=(IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Networks that may read `/metrics` and `/admin`.",
        examples=['["127.0.0.0/8", "10.1.0.0/16"]'],
    )


class Demo(Settings):
    """What `hotline serve` runs beside the gateway, for trying it out on one machine."""

    backend: Name | None = Field(
        default=None,
        description="Name of the endpoint that a sample case-management backend answers for, at "
        "the endpoint's own `url` (http on 127.0.0.1). It shows the cases there to anybody.",
        examples=["casework"],
    )
    carriers: bool = Field(
        default=False,
        description="Whether a stand-in takes the provider's place for every account whose "
        "`base_url` is on this machine, where the channel has one. It carries nothing.",
        examples=["true"],
    )


class Log(Settings):
    """What is written to standard error. Personal data is masked at every level."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important message shown.", examples=["info"]
    )
    format: Literal["text", "json"] = Field(
        default="json",
        description="`json`: one object a line, for machines. `text`: for reading along.",
        examples=["text"],
    )


class Config(Settings):
    """The whole configuration of one deployment, checked and with its secrets in place."""

    site: Site = Field(description="Who runs this hotline and where it is reached.")
    store: Store = Field(default=Store(), description="Where drafts and the queue live.")
    redis: Redis = Field(default=Redis(), description="Optional wake-ups between processes.")
    blobs: Blobs = Field(default=Blobs(), description="Where recordings and attachments live.")
    entries: dict[str, Entry] = Field(
        default_factory=dict,
        description="The numbers and mailboxes that were merged into this hotline, by number.",
    )
    channels: tuple[SerializeAsAny[ChannelSettings], ...] = Field(
        default=(),
        description="The accounts citizens reach the hotline through; each has the settings of its "
        "channel beside the ones below.",
    )
    endpoints: tuple[Endpoint, ...] = Field(
        default=(), description="Who receives the event feed and the drafts."
    )
    policy: Policy = Field(default=Policy(), description="What happens without an operator.")
    conversation: Conversation = Field(
        default=Conversation(), description="How messages are put together into one draft."
    )
    work: Work = Field(
        default=Work(), description="How background work is shared between processes."
    )
    speech: Speech = Field(default=Speech(), description="How recordings become text.")
    limits: Limits = Field(default=Limits(), description="What one request may cost.")
    admin: Admin = Field(default=Admin(), description="Where health and metrics are shown.")
    log: Log = Field(default=Log(), description="What is written to standard error.")
    demo: Demo = Field(
        default=Demo(),
        description="What runs beside the gateway, for trying it out on one machine.",
    )
    data: Path = Field(
        default=Path("data"),
        description="The data directory. A relative path that begins with `data/` lies in it; "
        "`--data DIR` on the command line moves it.",
        examples=["/var/lib/hotline"],
    )

    @model_validator(mode="after")
    def _sample_backend_has_its_place(self) -> Self:
        if self.demo.backend is None:
            return self
        endpoint = self.endpoint(self.demo.backend)
        if endpoint is None:
            raise ValueError("demo.backend names no endpoint; write the name of one of endpoints")
        if not is_here(endpoint.url):
            raise ValueError(
                "demo.backend is not on this machine; give that endpoint a url such as "
                "http://127.0.0.1:12346/hook"
            )
        return self

    @property
    def secret_key_file(self) -> Path:
        """Where the gateway's own key is made and kept when ``site.secret_key`` is not set."""
        return self.data / "secret.key"

    def channel(self, kind: str, account: str) -> ChannelSettings | None:
        """The settings of one account of one channel."""
        return next((c for c in self.channels if (c.kind, c.account) == (kind, account)), None)

    def endpoint(self, name: str) -> Endpoint | None:
        """The settings of one receiver of the event feed."""
        return next((e for e in self.endpoints if e.name == name), None)

    def with_data(self, directory: Path) -> Self:
        """The same configuration with its data directory, and all that lies in it, elsewhere."""
        store, blobs = self.store, self.blobs
        if store.url.startswith("sqlite:///"):
            path = _moved(store.url.removeprefix("sqlite:///"), directory)
            store = store.model_copy(update={"url": f"sqlite:///{path}"})
        path = _moved(blobs.url.removeprefix("file:"), directory)
        blobs = blobs.model_copy(update={"url": f"file:{path}"})
        return self.model_copy(update={"store": store, "blobs": blobs, "data": directory})


def _moved(path: str, directory: Path) -> str:
    return str(directory / path.removeprefix("data/")) if path.startswith("data/") else path
