"""What a telephone account can set."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr

from gateway.config import ChannelSettings
from gateway.config.values import Seconds


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str | SecretStr) else value


class VoiceSettings(ChannelSettings):
    """The numbers of one account at one telephone provider."""

    provider: Literal["twiml"] = Field(
        default="twiml",
        description="How calls reach the gateway. `twiml`: signed webhooks and a media WebSocket.",
        examples=["twiml"],
    )
    profile: Literal["twilio"] = Field(
        default="twilio",
        description="Whose dialect of TwiML the provider speaks.",
        examples=["twilio"],
    )
    account_sid: str = Field(
        pattern=r"^AC[0-9a-fA-F]{32}$",
        description="The provider's name for our account; a request for another one is refused.",
        examples=["AC00000000000000000000000000000000"],
    )
    auth_token: Annotated[
        tuple[Annotated[SecretStr, Field(min_length=1)], ...], BeforeValidator(_one_or_many)
    ] = Field(
        min_length=1,
        description="Secret that signs the provider's requests and our calls. While it is being "
        "changed, a list: the first one signs our calls, all of them are accepted.",
        examples=["${TWILIO_AUTH_TOKEN}"],
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
    silence: Seconds = Field(
        default=4,
        gt=0,
        le=60,
        description="A statement ends when the caller has been silent for this long.",
        examples=["4 s"],
    )
    no_speech: Seconds = Field(
        default=12,
        gt=0,
        le=120,
        description="A caller who says nothing for this long is asked once more, then the call "
        "ends.",
        examples=["12 s"],
    )
    statement_limit: Seconds = Field(
        default=600,
        gt=0,
        le=3600,
        description="Longest statement; the caller still hears the receipt number after it.",
        examples=["10 min"],
    )
    max_calls: int = Field(
        default=40,
        ge=1,
        le=1000,
        description="Most calls this process holds at once. Further callers are recorded by the "
        "provider instead.",
        examples=["40"],
    )
