"""What goes out for one event: the body, plain or as CloudEvents 1.0, and the signed headers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway import __version__
from gateway.delivery.signing import Secret, sign
from gateway.store.feed import Told

_USER_AGENT = f"hotline-gateway/{__version__}"
# The feed composes every body itself and writes this exactly once before the data.
_DATA = b',"data":'


@dataclass(frozen=True, slots=True)
class Letter:
    """One signed request body with its headers."""

    headers: dict[str, str]
    body: bytes


def compose(
    told: Told, *, secrets: Sequence[Secret], sent_at: datetime, source: str | None = None
) -> Letter:
    """Return the event as one attempt sends it, signed by every secret valid at ``sent_at``.

    The message id is the event's own and so the same at every attempt. With ``source`` (a URI
    reference that names this gateway) the body is a CloudEvent in structured mode. Raises
    ``BadSecret`` when no secret is valid.
    """
    body = told.body if source is None else cloud_event(told, source)
    headers = sign(secrets, message_id=told.event_id, sent_at=sent_at, body=body)
    kind = "application/json" if source is None else "application/cloudevents+json"
    headers["content-type"] = kind
    headers["user-agent"] = _USER_AGENT
    return Letter(headers, body)


def cloud_event(told: Told, source: str) -> bytes:
    """Return the event in CloudEvents 1.0 structured JSON mode; the data's bytes stay as they are.

    Source: CloudEvents 1.0.2 and its JSON event format.
    """
    head, _, data = told.body.partition(_DATA)
    attributes = {
        "specversion": "1.0",
        "id": told.event_id,
        "source": source,
        "type": told.type,
        "time": json.loads(head + b"}")["timestamp"],
        "datacontenttype": "application/json",
        **({"subject": told.draft_id} if told.draft_id else {}),
    }
    start = json.dumps(attributes, ensure_ascii=False)[:-1].encode()
    return start + _DATA + data
