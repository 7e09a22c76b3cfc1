"""The judge has teeth: every fault it is there for, in a journal written by hand, is found."""

from typing import Any

import pytest

from tests.failure.record import Findings, judge

TOKEN = "m-1xs1-0"


def delivery(**changes: Any) -> dict[str, Any]:
    """A delivery of the one forwarded draft that holds the one message."""
    return {
        "id": "evt-1",
        "type": "draft.forwarded",
        "draft_id": "D1",
        "receipt_no": "26112100018",
        "revision": 3,
        "state": "forwarded",
        "tokens": [TOKEN],
        "digest": "a",
    } | changes


def judged(
    *received: dict[str, Any],
    acknowledged: tuple[dict[str, Any], ...] = ({"token": TOKEN, "answer": None},),
    sent: frozenset[str] = frozenset({TOKEN, "m-1xs1-1", "m-1xs2-0"}),
    told: tuple[str, ...] = (),
) -> Findings:
    """What the judge says."""
    return judge(acknowledged, received, set(sent), told)


def test_a_message_that_arrived_once_is_no_fault() -> None:
    findings = judged(delivery(), told=("受理号 26112100018",))
    assert findings.faults() == {}
    assert (findings.acknowledged, findings.delivered, findings.receipts) == (1, 1, 1)


def test_the_same_delivery_again_is_no_fault_but_is_counted() -> None:
    findings = judged(delivery(), delivery())
    assert findings.faults() == {}
    assert findings.repeated == 1


@pytest.mark.parametrize(
    ("fault", "findings"),
    [
        pytest.param(
            "acknowledged and lost",
            judged(delivery(tokens=[])),
            id="a draft without the message",
        ),
        pytest.param("acknowledged and lost", judged(), id="nothing delivered at all"),
        pytest.param(
            "in a draft twice or in two drafts",
            judged(delivery(tokens=[TOKEN, TOKEN])),
            id="twice in one draft",
        ),
        pytest.param(
            "in a draft twice or in two drafts",
            judged(delivery(), delivery(id="evt-2", draft_id="D2", digest="b")),
            id="in two drafts",
        ),
        pytest.param(
            "two answers for one key",
            judged(
                delivery(),
                acknowledged=(
                    {"token": TOKEN, "answer": "receipt 1"},
                    {"token": TOKEN, "answer": "receipt 2"},
                ),
            ),
            id="two receipts",
        ),
        pytest.param(
            "one id, two contents",
            judged(delivery(), delivery(digest="b")),
            id="a repeated delivery that differs",
        ),
        pytest.param(
            "revisions out of order",
            judged(delivery(), delivery(id="evt-2", revision=2, digest="b")),
            id="an older revision after a newer one",
        ),
        pytest.param(
            "messages out of order",
            judged(delivery(tokens=["m-1xs1-1", TOKEN])),
            id="one citizen's messages the wrong way round",
        ),
        pytest.param(
            "never forwarded",
            judged(delivery(state="ready")),
            id="a draft that stays behind",
        ),
        pytest.param(
            "never sent by anybody",
            judged(delivery(tokens=[TOKEN, "m-1xs9-9"])),
            id="an invented message",
        ),
        pytest.param(
            "told of one case twice",
            judged(delivery(), told=("受理号 26112100018", "No. 26112100018")),
            id="two receipts to one citizen",
        ),
    ],
)
def test_a_fault_is_found(fault: str, findings: Findings) -> None:
    assert list(findings.faults()) == [fault]


def test_messages_of_two_citizens_may_mix() -> None:
    assert judged(delivery(tokens=["m-1xs2-0", TOKEN, "m-1xs1-1"])).faults() == {}


def test_the_summary_names_what_was_lost_and_doubled() -> None:
    summary = judged(delivery(tokens=["m-1xs2-0", "m-1xs2-0"])).summary()
    assert "lost 1" in summary
    assert "doubled 1" in summary
