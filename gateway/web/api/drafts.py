"""Reading drafts: lists, one draft, its history, its files."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.blobs import DirectoryBlobs
from gateway.blobs.errors import BlobMissing
from gateway.domain.draft import Attachment, WorkOrderDraft, encode
from gateway.domain.lifecycle import State
from gateway.store import drafts
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from gateway.store.times import from_us
from gateway.store.tokens import Scope
from gateway.web.api.names import AttachmentPath, DraftId, DraftPath, Line, RevisionPath
from gateway.web.api.operation import Answer, Call, Nothing, Operation, Reply
from gateway.web.problems import SAFE_HEADERS

_HARMLESS = frozenset(
    {
        *("image/jpeg", "image/png", "image/gif", "image/webp"),
        *("audio/wav", "audio/mpeg", "audio/ogg", "audio/amr", "video/mp4"),
    }
)
"""Media types that are named; everything else goes out as bytes of no particular kind."""


class DraftsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which drafts are wanted."""

    state: Annotated[tuple[State, ...], Meta(max_length=10, description="any of these states")] = ()
    contact: Annotated[
        Line | UnsetType, Meta(description="whose drafts, such as `tel:+8613800138000`")
    ] = UNSET
    before: Annotated[
        DraftId | UnsetType, Meta(description="`next` of the last answer: the page behind it")
    ] = UNSET
    limit: Annotated[int, Meta(ge=1, le=200, description="how many drafts, at most")] = 50


class DraftPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Drafts, newest first; ``next`` is absent on the last page."""

    drafts: tuple[WorkOrderDraft, ...]
    next: str | None = None


class RevisionLine(Struct, frozen=True, kw_only=True):
    """One revision: who changed what, and when; ``changed`` holds dotted names, ``*`` all."""

    revision: int
    at: datetime
    actor: str
    changed: tuple[str, ...]


class History(Struct, frozen=True, kw_only=True):
    """Every revision of a draft, oldest first."""

    revisions: tuple[RevisionLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftsApi:
    """What may be read of drafts."""

    store: Store
    blobs: DirectoryBlobs

    def operations(self) -> tuple[Operation, ...]:
        """Return the operations."""
        return (
            Operation(
                name="listDrafts",
                method="GET",
                path="/api/v1/drafts",
                tag="drafts",
                summary="List drafts, newest first",
                handler=self.list,
                scope=Scope.DRAFTS_READ,
                answers=(Answer(description="A page of drafts", type=DraftPage),),
            ),
            Operation(
                name="getDraft",
                method="GET",
                path="/api/v1/drafts/{draft_id}",
                tag="drafts",
                summary="Read one draft",
                handler=self.get,
                scope=Scope.DRAFTS_READ,
                answers=(one_draft("The draft"),),
            ),
            Operation(
                name="getHistory",
                method="GET",
                path="/api/v1/drafts/{draft_id}/history",
                tag="drafts",
                summary="Read who changed what, and when",
                handler=self.history,
                scope=Scope.DRAFTS_READ,
                answers=(Answer(description="Every revision", type=History),),
            ),
            Operation(
                name="getRevision",
                method="GET",
                path="/api/v1/drafts/{draft_id}/history/{revision}",
                tag="drafts",
                summary="Read the draft as a revision left it",
                handler=self.revision,
                scope=Scope.DRAFTS_READ,
                answers=(one_draft("The draft as it was"),),
            ),
            Operation(
                name="getAttachment",
                method="GET",
                path="/api/v1/drafts/{draft_id}/attachments/{attachment_id}",
                tag="drafts",
                summary="Download a file; a part of it with Range",
                handler=self.attachment,
                scope=Scope.DRAFTS_READ,
                answers=(
                    Answer(description="The file", media_type="*/*"),
                    Answer(description="The part asked for", status=206, media_type="*/*"),
                    Answer(description="Not changed", status=304, media_type="*/*"),
                    Answer(description="Changed", status=412, media_type="*/*"),
                    Answer(description="No such part", status=416, media_type="*/*"),
                ),
                problems=("file_missing",),
            ),
        )

    async def list(self, call: Call[Nothing, DraftsQuery, Nothing]) -> Reply:
        """Return a page of drafts."""
        query = call.query
        found = await self.store.read(
            lambda connection: drafts.listing(
                connection,
                states=query.state,
                contact=None if query.contact is UNSET else query.contact,
                before=None if query.before is UNSET else query.before,
                limit=query.limit + 1,
            )
        )
        page = tuple(found[: query.limit])
        more = len(found) > query.limit
        document = DraftPage(drafts=page, next=page[-1].draft_id if more else None)
        return Reply(body=msgspec.json.encode(document))

    async def get(self, call: Call[DraftPath, Nothing, Nothing]) -> Reply:
        """Return a draft with its revision as ETag."""
        return draft_reply(await self._draft(call.path.draft_id))

    async def history(self, call: Call[DraftPath, Nothing, Nothing]) -> Reply:
        """Return a draft's history."""
        draft_id = call.path.draft_id
        entries = await self.store.read(lambda connection: drafts.history(connection, draft_id))
        if not entries:
            raise NotFound(f"there is no draft {draft_id}", "list the drafts to find its id")
        lines = tuple(
            RevisionLine(
                revision=one.revision, at=from_us(one.at), actor=one.actor, changed=one.changed
            )
            for one in entries
        )
        return Reply(body=msgspec.json.encode(History(revisions=lines)))

    async def revision(self, call: Call[RevisionPath, Nothing, Nothing]) -> Reply:
        """Return a draft as it once was; what it said then is never overwritten."""
        path = call.path
        draft = await self.store.read(
            lambda connection: drafts.revision(connection, path.draft_id, path.revision)
        )
        return draft_reply(draft)

    async def attachment(self, call: Call[AttachmentPath, Nothing, Nothing]) -> web.StreamResponse:
        """Send a file to be saved, never to be shown or run in place."""
        draft = await self._draft(call.path.draft_id)
        for one in draft.attachments or ():
            if one.id == call.path.attachment_id:
                break
        else:
            raise NotFound("this draft has no such file", "see attachments[].id of the draft")
        if one.scan == "infected" or not await self.blobs.exists(one.sha256):
            raise BlobMissing
        headers = {
            **SAFE_HEADERS,
            "Content-Type": one.media_type
            if one.media_type in _HARMLESS
            else "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{_file_name(one)}"',
        }
        return web.FileResponse(self.blobs.path(one.sha256), headers=headers)

    async def _draft(self, draft_id: str) -> WorkOrderDraft:
        filed = await self.store.read(lambda connection: drafts.get(connection, draft_id))
        return filed.draft


def one_draft(description: str, status: int = 200) -> Answer:
    """Return how an answer with one draft is described."""
    return Answer(description=description, type=WorkOrderDraft, status=status, headers=("ETag",))


def draft_reply(draft: WorkOrderDraft) -> Reply:
    """Return a draft as an answer."""
    return Reply(body=encode(draft), headers={"ETag": f'"{draft.revision}"'})


def _file_name(attachment: Attachment) -> str:
    """Return a name of our own making; the citizen's own stands in the draft."""
    ending = (
        attachment.media_type.partition("/")[2] if attachment.media_type in _HARMLESS else "bin"
    )
    return f"{attachment.kind}-{attachment.sha256[:12]}.{ending}"
