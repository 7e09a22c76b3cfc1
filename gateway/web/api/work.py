"""What operators and integrations do with drafts: correct, claim, confirm, reject, merge, split."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.domain.draft import Rejection, WorkOrderDraft
from gateway.intake.desk import Desk, Patch
from gateway.store.tokens import Scope
from gateway.web.api.drafts import draft_reply, one_draft
from gateway.web.api.names import DraftId, DraftPath
from gateway.web.api.operation import MERGE_PATCH, Answer, Call, Nothing, Operation, Reply

REPLY_LIMIT = 2_000


class Rejecting(Rejection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a case is not taken on (不予受理); the note is for the file, not for the citizen."""


class Merging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The draft in which this one goes on."""

    into: DraftId


class Splitting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The citizen's messages, by id, that are a matter of their own."""

    message_ids: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...],
        Meta(min_length=1, max_length=200),
    ]


class Split(Struct, frozen=True, kw_only=True):
    """What stays of the draft, and the new one."""

    draft: WorkOrderDraft
    split_off: WorkOrderDraft


class Replying(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the citizen is told; ``closes`` ends the case as answered."""

    text: Annotated[str, Meta(min_length=1, max_length=REPLY_LIMIT, pattern=r"\S")]
    closes: bool = False


@dataclass(frozen=True, slots=True)
class WorkApi:
    """The desk, over HTTP; the token's holder is the operator."""

    desk: Desk

    def operations(self) -> tuple[Operation, ...]:
        """Return the operations."""
        return (
            Operation(
                name="correctDraft",
                method="PATCH",
                path="/api/v1/drafts/{draft_id}",
                tag="drafts",
                summary="Correct fields, as a JSON Merge Patch of RFC 7396",
                handler=self.correct,
                scope=Scope.DRAFTS_WRITE,
                body_media_type=MERGE_PATCH,
                if_match="required",
                answers=(one_draft("The corrected draft"),),
                problems=("stale_revision", "wrong_state", "not_found"),
            ),
            self._action(
                "claim", "Take a queued draft into one's own hands 认领", self.claim, "taken"
            ),
            self._action("release", "Put a claimed draft back into the queue 释放", self.release),
            self._action("confirm", "Release a draft to the backends 转派", self.confirm),
            self._action("reject", "Decline a case 不予受理", self.reject),
            self._action("merge", "Close a draft as part of another 合并", self.merge),
            self._action(
                "split",
                "Make a draft of its own of some messages 拆分",
                self.split,
                answer=Answer(
                    description="Both drafts", type=Split, status=201, headers=("Location", "ETag")
                ),
            ),
            self._action("reply", "Answer the citizen on the way they came 答复", self.reply),
        )

    @staticmethod
    def _action(
        verb: str,
        summary: str,
        handler: Callable[[Any], Awaitable[Reply]],
        *problems: str,
        answer: Answer | None = None,
    ) -> Operation:
        return Operation(
            name=f"{verb}Draft" if verb != "reply" else "replyToCitizen",
            method="POST",
            path=f"/api/v1/drafts/{{draft_id}}/{verb}",
            tag="drafts",
            summary=summary,
            handler=handler,
            scope=Scope.DRAFTS_WRITE,
            if_match="optional",
            empty_body=True,
            answers=(answer or one_draft("The draft as it is now"),),
            problems=("stale_revision", "wrong_state", "not_found", *problems),
        )

    async def correct(self, call: Call[DraftPath, Nothing, Patch]) -> Reply:
        """Correct fields."""
        draft = await self.desk.correct(
            call.path.draft_id, call.body, operator=call.actor, seen=call.seen
        )
        return draft_reply(draft)

    async def claim(self, call: Call[DraftPath, Nothing, Nothing]) -> Reply:
        """Claim a draft."""
        return draft_reply(
            await self.desk.claim(call.path.draft_id, operator=call.actor, seen=call.seen)
        )

    async def release(self, call: Call[DraftPath, Nothing, Nothing]) -> Reply:
        """Release a draft."""
        return draft_reply(
            await self.desk.release(call.path.draft_id, operator=call.actor, seen=call.seen)
        )

    async def confirm(self, call: Call[DraftPath, Nothing, Nothing]) -> Reply:
        """Confirm a draft."""
        return draft_reply(
            await self.desk.confirm(call.path.draft_id, operator=call.actor, seen=call.seen)
        )

    async def reject(self, call: Call[DraftPath, Nothing, Rejecting]) -> Reply:
        """Reject a draft."""
        rejection = Rejection(code=call.body.code, note=call.body.note)
        draft = await self.desk.reject(
            call.path.draft_id, rejection, operator=call.actor, seen=call.seen
        )
        return draft_reply(draft)

    async def merge(self, call: Call[DraftPath, Nothing, Merging]) -> Reply:
        """Merge a draft into another."""
        draft = await self.desk.merge(
            call.path.draft_id, call.body.into, operator=call.actor, seen=call.seen
        )
        return draft_reply(draft)

    async def split(self, call: Call[DraftPath, Nothing, Splitting]) -> Reply:
        """Split a draft."""
        rest, new = await self.desk.split(
            call.path.draft_id,
            frozenset(call.body.message_ids),
            operator=call.actor,
            seen=call.seen,
        )
        return Reply(
            status=201,
            body=msgspec.json.encode(Split(draft=rest, split_off=new)),
            headers={"Location": f"/api/v1/drafts/{new.draft_id}", "ETag": f'"{new.revision}"'},
        )

    async def reply(self, call: Call[DraftPath, Nothing, Replying]) -> Reply:
        """Answer the citizen."""
        draft = await self.desk.reply(
            call.path.draft_id,
            call.body.text,
            operator=call.actor,
            seen=call.seen,
            closes=call.body.closes,
        )
        return draft_reply(draft)
