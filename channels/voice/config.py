"""What a telephone account can set."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from gateway.config import ChannelSettings, Settings
from gateway.config.values import HttpUrl, Listen, Seconds


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str | SecretStr) else value


class PbxSettings(Settings):
    """How the gateway reaches an Asterisk, and which way a call's audio takes."""

    url: HttpUrl = Field(
        description="Address of Asterisk's HTTP server (`http.conf`); `https` when it has TLS.",
        examples=["http://127.0.0.1:8088"],
    )
    user: str = Field(
        min_length=1,
        pattern=r"^[^:\s]+$",
        description="Name of the ARI user (`ari.conf`).",
        examples=["hotline"],
    )
    password: SecretStr = Field(
        min_length=1,
        description="Password of the ARI user.",
        examples=["${ARI_PASSWORD}"],
    )
    app: str = Field(
        default="hotline",
        pattern=r"^[A-Za-z0-9_-]{1,40}$",
        description="Name that the dialplan gives `Stasis()`. One process serves one name.",
        examples=["hotline"],
    )
    media: Literal["websocket", "audiosocket"] = Field(
        default="websocket",
        description="How audio travels. `websocket`: the gateway connects to Asterisk's HTTP "
        "server (20.18, 22.8, 23.2 and newer). `audiosocket`: Asterisk connects to `listen` (18 "
        "and newer).",
        examples=["websocket"],
    )
    listen: Listen = Field(
        default="127.0.0.1:9092",
        description="Where AudioSocket connections are taken.",
        examples=["0.0.0.0:9092"],
    )
    address: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9.-]+:[0-9]{1,5}$",
        description="`HOST:PORT` at which Asterisk reaches `listen`. Not set: `listen` itself.",
        examples=["10.0.0.5:9092"],
    )
    call_limit: Seconds = Field(
        default=7200,
        gt=0,
        le=86400,
        description="Longest call, a conversation with a person included. Asterisk itself ends it "
        "a minute later, so that no call outlives a dead gateway for long.",
        examples=["2 h"],
    )
    outage_recordings: Path | None = Field(
        default=None,
        description="Folder in which the dialplan leaves what it recorded while the gateway was "
        "down; each recording becomes a draft. Not set: nothing is taken from there.",
        examples=["/var/spool/asterisk/outage"],
    )


def _ring_only(value: Any) -> Any:
    return {"ring": value} if isinstance(value, list | tuple) else value


class TargetSettings(Settings):
    """Somebody a flow can connect a caller with: one number, or a group."""

    ring: tuple[Annotated[str, Field(min_length=1, max_length=120)], ...] = Field(
        min_length=1,
        max_length=100,
        description="The addresses. With `asterisk` a dial string such as `PJSIP/1001`, with "
        "`twiml` a telephone number or a `sip:` address.",
        examples=["[PJSIP/1001, PJSIP/1002]"],
    )
    order: Literal["all_at_once", "in_turn"] = Field(
        default="all_at_once",
        description="`all_at_once` rings everybody who is free, `in_turn` one after the other, "
        "beginning with who has been free for longest.",
        examples=["in_turn"],
    )
    ring_for: Seconds = Field(
        default=20,
        gt=0,
        le=300,
        description="How long an address rings before the next one does, or before the caller "
        "goes on waiting.",
        examples=["20 s"],
    )
    calls_each: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="How many callers an address can talk with at once. Not set: one for callers "
        "who wait in a queue, any number otherwise.",
        examples=["1"],
    )


class VoiceSettings(ChannelSettings):
    """The numbers of one account at one telephone provider."""

    provider: Literal["twiml", "asterisk"] = Field(
        default="twiml",
        description="How calls reach the gateway. `twiml`: signed webhooks and a media WebSocket. "
        "`asterisk`: a PBX of the site's own.",
        examples=["twiml"],
    )
    profile: Literal["twilio", "signalwire", "telnyx", "somleng", "kazoo"] = Field(
        default="twilio",
        description="Whose dialect of TwiML the provider speaks.",
        examples=["twilio"],
    )
    media: Literal["stream", "none"] = Field(
        default="stream",
        description="How a provider of TwiML lets us hear callers. `stream`: live, over a "
        "WebSocket. `none`: it collects keys and records statements for us; for carriers or "
        "sites without WebSockets.",
        examples=["stream"],
    )
    account_sid: str = Field(
        default="",
        validate_default=True,
        pattern=r"^([A-Za-z0-9-]{8,64})?$",
        description="The provider's name for our account; a request for another one is refused. "
        "Needed with `provider: twiml`.",
        examples=["AC00000000000000000000000000000000"],
    )
    auth_token: Annotated[
        tuple[Annotated[SecretStr, Field(min_length=1)], ...], BeforeValidator(_one_or_many)
    ] = Field(
        default=(),
        validate_default=True,
        description="Secret that signs the provider's requests and our calls. While it is being "
        "changed, a list: the first one signs our calls, all of them are accepted. "
        "Needed with `provider: twiml`.",
        examples=["${TWILIO_AUTH_TOKEN}"],
    )
    signing_key: Annotated[
        tuple[Annotated[SecretStr, Field(min_length=1)], ...], BeforeValidator(_one_or_many)
    ] = Field(
        default=(),
        validate_default=True,
        description="Key that signs the requests of a provider which has one beside the token; a "
        "list while it is being changed. Needed with `profile: signalwire`.",
        examples=["${SIGNALWIRE_SIGNING_KEY}"],
    )
    public_key: str | None = Field(
        default=None,
        validate_default=True,
        pattern=r"^[A-Za-z0-9+/]{43}=$",
        description="The provider's public Ed25519 key (base64). Needed with `profile: telnyx`.",
        examples=["Y3VyaW91cywgYnV0IHRoaXMgaXMgbm90IGEga2V5ISE="],
    )
    pbx: PbxSettings | None = Field(
        default=None,
        validate_default=True,
        description="The site's own Asterisk; needed with `provider: asterisk`.",
        examples=["{url: http://127.0.0.1:8088, user: hotline, password: ${ARI_PASSWORD}}"],
    )
    targets: dict[str, Annotated[TargetSettings, BeforeValidator(_ring_only)]] = Field(
        default_factory=dict,
        description="Who a flow can connect callers with, by the name it uses. A plain list of "
        "addresses is short for `{ring: …}`.",
        examples=["{operators: [PJSIP/1001, PJSIP/1002], '110': [PJSIP/110@trunk]}"],
    )
    language: Literal["zh", "en"] | None = Field(
        default=None,
        description="Language of the prompts and of the callers. Not set: the site's language.",
        examples=["zh"],
    )
    prompts: Path | None = Field(
        default=None,
        description="Folder with one sub-folder of the city's own prompt recordings for each "
        "language. What is not there is taken from `config/prompts`, which comes with the gateway.",
        examples=["/srv/hotline/prompts"],
    )
    flow: Path | None = Field(
        default=None,
        description="The flow (IVR) that leads callers. Not set: `config/ivr/hotline.yaml`, which "
        "comes with the gateway.",
        examples=["/srv/hotline/ivr/hotline.yaml"],
    )
    statement_limit: Seconds = Field(
        default=600,
        gt=0,
        le=3600,
        description="Longest statement that a provider records for us; the flow says how long "
        "callers may speak otherwise.",
        examples=["10 min"],
    )
    max_calls: int = Field(
        default=40,
        ge=1,
        le=1000,
        description="Most calls this process holds at once with everything it offers. As many "
        "again are led through the short way of the flow for busy times; beyond that the provider "
        "or the dialplan records.",
        examples=["40"],
    )
    recogniser_slots: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Most calls that are transcribed while they are spoken. Further ones are "
        "recorded, and take the short way of the flow for busy times. Not set: as `max_calls`.",
        examples=["8"],
    )

    drain: Seconds = Field(
        default=15,
        ge=0,
        le=600,
        description="How long calls may go on once the gateway is told to stop; then callers hear "
        "an apology, and what they said is kept.",
        examples=["15 s"],
    )

    @field_validator("account_sid", "auth_token", "pbx")
    @classmethod
    def _belongs_to_the_provider(cls, value: Any, info: ValidationInfo) -> Any:
        provider = info.data.get("provider")
        owner = "asterisk" if info.field_name == "pbx" else "twiml"
        if value and provider != owner:
            raise ValueError(f"belongs to provider: {owner}; remove it, or change provider")
        if not value and provider == owner:
            # Falsy is "not given" here; the cure is then the example of the field.
            raise ValueError("is missing")
        return value

    @field_validator("signing_key", "public_key")
    @classmethod
    def _belongs_to_the_profile(cls, value: Any, info: ValidationInfo) -> Any:
        owner = "signalwire" if info.field_name == "signing_key" else "telnyx"
        profile, twiml = info.data.get("profile"), info.data.get("provider") == "twiml"
        if value and profile != owner:
            raise ValueError(f"belongs to profile: {owner}; remove it, or change profile")
        if not value and twiml and profile == owner:
            raise ValueError("is missing")
        return value
