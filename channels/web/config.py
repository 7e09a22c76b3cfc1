"""What can be set for a web form."""

from pydantic import Field, SecretStr

from gateway.config import ChannelSettings
from gateway.config.values import Bytes, HttpUrl

FORM_OVERHEAD = 256 * 1024
"""Room, in bytes, for everything in a request that is not a file."""


class WebSettings(ChannelSettings):
    """One web form with its intake API."""

    entry: str | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="Number of the merged hotline this form belongs to, as in `entries`. Not set: "
        "the name of the account.",
        examples=["12345"],
    )
    help_phone: str | None = Field(
        default=None,
        pattern=r"^[0-9+ -]{3,20}$",
        description="Telephone number shown on every page for those who would rather call.",
        examples=["12345"],
    )
    privacy_url: HttpUrl | None = Field(
        default=None,
        description="Page that says how personal data is treated; linked below the form.",
        examples=["https://www.city.example/privacy"],
    )
    embed_in: tuple[HttpUrl, ...] = Field(
        default=(),
        description="Sites that may show the form in a frame. Not set: none may.",
        examples=['["https://www.city.example"]'],
    )
    intake_keys: tuple[SecretStr, ...] = Field(
        default=(),
        description="Keys of those who may use `POST /api/v1/intake` (`Authorization: Bearer`). "
        "Not set: anybody may, as with the form. Give two while changing a key.",
        examples=['["${INTAKE_KEY}"]'],
    )
    files: int = Field(default=5, ge=0, le=20, description="Most files in one request.")
    file_size: Bytes = Field(
        default=10 * 1024 * 1024, description="Largest single file.", examples=["10 MiB"]
    )
    upload: Bytes = Field(
        default=25 * 1024 * 1024,
        description="Most that all files of one request may hold together.",
        examples=["25 MiB"],
    )

    @property
    def body_limit(self) -> int:
        """The largest request, in bytes."""
        return self.upload + FORM_OVERHEAD
