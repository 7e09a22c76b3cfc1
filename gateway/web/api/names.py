"""The names that addresses and bodies of the API share."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.domain.ids import ULID_PATTERN

DraftId = Annotated[str, Meta(pattern=ULID_PATTERN, description="id of a draft")]
EventId = Annotated[str, Meta(pattern=r"^evt_[0-9A-HJKMNP-TV-Z]{26}$")]
EndpointName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
Line = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,200}$", description="one line of text")]
Number = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class DraftPath(Struct, frozen=True):
    """A draft."""

    draft_id: DraftId


class RevisionPath(Struct, frozen=True):
    """A revision of a draft."""

    draft_id: DraftId
    revision: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class AttachmentPath(Struct, frozen=True):
    """A file of a draft."""

    draft_id: DraftId
    attachment_id: Annotated[str, Meta(min_length=1, max_length=200)]


class EndpointPath(Struct, frozen=True):
    """An endpoint of the configuration."""

    name: EndpointName
