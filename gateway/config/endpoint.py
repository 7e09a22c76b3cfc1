"""The settings of one receiver of the event feed, and the secrets that sign for it."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, SecretStr, model_validator

from gateway.config.settings import Settings
from gateway.config.values import HttpUrl, Name, Network, Seconds
from gateway.domain.feed import is_pattern, matches


def _event_pattern(value: str) -> str:
    if not is_pattern(value):
        raise ValueError(
            "matches no event of the feed; write a type, a family such as draft.*, or *"
        )
    return value


EventPattern = Annotated[str, AfterValidator(_event_pattern)]
"""An event type of the feed, a family such as ``draft.*``, or ``*``."""


class SigningSecret(Settings):
    """One secret of an endpoint and when it is in use, so that secrets can be changed in time."""

    value: SecretStr = Field(
        min_length=1,
        description="The secret.",
        examples=["${CASEWORK_SECRET_NEXT}"],
    )
    valid_from: AwareDatetime | None = Field(
        default=None,
        description="Signs from this time on (RFC 3339 with offset). Not set: since ever.",
        examples=["2027-01-01T00:00:00+08:00"],
    )
    valid_to: AwareDatetime | None = Field(
        default=None,
        description="Signs before this time (RFC 3339 with offset). Not set: for ever.",
        examples=["2027-02-01T00:00:00+08:00"],
    )

    @model_validator(mode="after")
    def _times_in_order(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            raise ValueError("valid_from is not before valid_to; swap or correct them")
        return self

    def valid_at(self, at: datetime) -> bool:
        """Tell whether this secret signs at the aware time ``at``."""
        return (self.valid_from is None or self.valid_from <= at) and (
            self.valid_to is None or at < self.valid_to
        )


class Endpoint(Settings):
    """One receiver of the event feed, for example the case-management system."""

    name: Name = Field(
        description="Name of this endpoint in commands, logs and metrics.", examples=["casework"]
    )
    kind: Literal["webhook"] = Field(
        default="webhook",
        description="How events are handed over. `webhook`: Standard Webhooks 1.0.",
        examples=["webhook"],
    )
    url: HttpUrl = Field(
        description="Where events are posted to.", examples=["https://cases.example/hook"]
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="Secret that signs the deliveries. Give either this or `secrets`.",
        examples=["${CASEWORK_SECRET}"],
    )
    secrets: tuple[SigningSecret, ...] = Field(
        default=(),
        description="Several secrets with their times; every valid one signs, so that a change of "
        "secret loses nothing.",
        examples=['[{value: "${OLD}", valid_to: "2027-02-01T00:00:00+08:00"}, {value: "${NEW}"}]'],
    )
    events: tuple[EventPattern, ...] = Field(
        default=("draft.*",),
        min_length=1,
        description="Event types to send: a type, a family such as `draft.*`, or `*`.",
        examples=['["draft.*", "message.received"]'],
    )
    order: Literal["per_case", "none", "strict"] = Field(
        default="per_case",
        description="`per_case`: events of one case wait for each other. `strict`: all events wait "
        "for each other. `none`: nothing waits.",
        examples=["per_case"],
    )
    allow: tuple[Network, ...] = Field(
        default=(),
        description="Non-public networks this address may lead into, loopback too. Without it only "
        "public addresses are called. Cloud metadata and link-local addresses never are.",
        examples=['["10.0.0.0/8"]'],
    )
    forwards: bool = Field(
        default_factory=lambda given: matches("draft.ready", given.get("events", ())),
        description="Whether a delivery here counts as forwarding the draft. Not set: yes when "
        "`events` include `draft.ready`.",
        examples=["true"],
    )
    timeout: Seconds = Field(
        default=20,
        gt=0,
        le=60,
        description="How long one delivery may take in all; at most 60 s.",
        examples=["20 s"],
    )
    cloudevents: bool = Field(
        default=False,
        description="Sends the body as CloudEvents 1.0 in structured mode.",
        examples=["true"],
    )

    @model_validator(mode="after")
    def _one_way_to_sign(self) -> Self:
        if bool(self.secret) == bool(self.secrets):
            raise ValueError(
                "needs exactly one of secret and secrets; write for example "
                f'secret: "${{{self.name.upper().replace("-", "_")}_SECRET}}"'
            )
        return self

    def signing_secrets(self, at: datetime) -> tuple[SecretStr, ...]:
        """The secrets that sign at the aware time ``at``, in the order of the file."""
        if self.secret is not None:
            return (self.secret,)
        return tuple(secret.value for secret in self.secrets if secret.valid_at(at))
