"""What every group of settings shares, and what every channel account has."""

from pydantic import BaseModel, ConfigDict, Field

from gateway.config.values import HttpUrl, Name


class Settings(BaseModel):
    """A group of settings: an unknown key is an error, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ChannelSettings(Settings):
    """What every channel account has; a channel's own settings class inherits from this one."""

    kind: str = Field(
        description="Which channel this is: the name of its folder under `channels/`.",
        examples=["sms"],
    )
    account: Name = Field(
        description="Name of this account of the channel. It is part of the account's address, "
        "`/channels/<kind>/<account>`.",
        examples=["main"],
    )
    base_url: HttpUrl | None = Field(
        default=None,
        description="Sends the provider's REST calls elsewhere: a private cloud, an on-premises "
        "twin, a test.",
        examples=["http://127.0.0.1:8081"],
    )
