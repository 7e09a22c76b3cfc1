"""A call-back task says what to do where nobody said anything else."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from gateway.domain.draft import Message, WorkOrderDraft
from gateway.intake.calls import asked_back, callback_of, titled_as_callback
from tests.unit.understanding.drafts import draft

AT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
CALLER = "+8613800138000"


def asked(*, language: str | None = None) -> WorkOrderDraft:
    one = draft()
    one = replace(one, reporter=replace(one.reporter, phone=CALLER, language=language))
    return asked_back(one, number=None, reason="abandoned", at=AT)


@pytest.mark.parametrize(
    ("language", "title"),
    [(None, "回拨任务"), ("zh-CN", "回拨任务"), ("en", "Call-back task"), ("ug", "回拨任务")],
)
def test_a_task_without_words_is_titled_in_the_callers_language(
    language: str | None, title: str
) -> None:
    assert titled_as_callback(asked(language=language)).request.title == title


def test_words_of_the_citizen_leave_the_title_to_be_read_from_them() -> None:
    said = Message(id="m1", at=AT, direction="in", text="路灯坏了")
    task = replace(asked(), messages=(said,))
    assert titled_as_callback(task).request.title == ""


def test_a_number_that_cannot_be_one_is_shown_as_it_was_keyed() -> None:
    task = asked_back(asked(), number="12", reason=None, at=AT)
    wish = callback_of(task) or {}
    assert (wish["number"], wish["reason"]) == ("12", "abandoned")
    assert task.reporter.callback_phone is None
