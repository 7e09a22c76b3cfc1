"""The body and headers of one attempt."""

import json
from datetime import UTC, datetime

import pytest

from gateway.delivery.letter import compose
from gateway.delivery.signing import BadSecret, Secret, verify
from gateway.store.feed import Told

AT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
KEYS = (Secret(key=b"one"), Secret(key=b"two"))


def told(data: str = '{"draft":{"title":"a,\\"data\\":b"}}', draft_id: str | None = "D") -> Told:
    body = '{"id":"evt_1","type":"draft.queued","timestamp":"2026-11-21T04:00:00.000Z","data":'
    return Told(
        seq=1,
        event_id="evt_1",
        type="draft.queued",
        draft_id=draft_id,
        body=f"{body}{data}}}".encode(),
    )


@pytest.mark.parametrize("source", [None, "https://hotline.example"])
@pytest.mark.parametrize("key", KEYS)
def test_any_one_of_the_secrets_vouches_for_what_is_sent(key: Secret, source: str | None) -> None:
    letter = compose(told(), secrets=KEYS, sent_at=AT, source=source)
    vouched = verify([key], letter.headers, letter.body, now=AT)
    assert (vouched.message_id, vouched.sent_at) == ("evt_1", AT)


def test_the_plain_body_is_the_event_as_stored() -> None:
    letter = compose(told(), secrets=KEYS, sent_at=AT)
    assert letter.body == told().body
    assert letter.headers["content-type"] == "application/json"
    assert letter.headers["user-agent"].startswith("hotline-gateway/")


def test_a_cloud_event_carries_the_same_data_even_when_it_looks_like_an_envelope() -> None:
    letter = compose(told(), secrets=KEYS, sent_at=AT, source="https://hotline.example")
    event = json.loads(letter.body)
    assert event.pop("data") == {"draft": {"title": 'a,"data":b'}}
    assert event == {
        "specversion": "1.0",
        "id": "evt_1",
        "source": "https://hotline.example",
        "type": "draft.queued",
        "time": "2026-11-21T04:00:00.000Z",
        "datacontenttype": "application/json",
        "subject": "D",
    }
    assert letter.headers["content-type"] == "application/cloudevents+json"


def test_an_event_about_no_draft_has_no_subject() -> None:
    letter = compose(told("{}", None), secrets=KEYS, sent_at=AT, source="urn:x")
    assert "subject" not in json.loads(letter.body)


def test_without_a_valid_secret_there_is_no_letter() -> None:
    with pytest.raises(BadSecret):
        compose(told(), secrets=[Secret(key=b"old", valid_to=AT)], sent_at=AT)
