"""What an SMS account can set."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr

from gateway.config import ChannelSettings


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str | SecretStr) else value


class SmsSettings(ChannelSettings):
    """One number (or Messaging Service) at one SMS provider."""

    provider: Literal["twilio"] = Field(
        default="twilio", description="Who carries the messages.", examples=["twilio"]
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
    number: str = Field(
        pattern=r"^\+[1-9][0-9]{6,14}$",
        description="The hotline's own number (E.164). Answers come from it unless the citizen "
        "wrote to another number of the account.",
        examples=["+15005550006"],
    )
