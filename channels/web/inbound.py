"""From a request to one event: what the form and the intake API read, and how they name it."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from channels.web.attachments import Taken, take
from channels.web.body import JSON, MULTIPART, URLENCODED, Body, read_body
from channels.web.config import WebSettings
from channels.web.fields import Manner, Submission, read_submission
from channels.web.problems import Refused, refused
from gateway.channel import RawRequest, Site, Unverified
from gateway.domain.contact import contact
from gateway.domain.intake import InboundMessage, ReporterHint

FORM_TYPES = (MULTIPART, URLENCODED)
API_TYPES = (JSON, MULTIPART)
FORM_ID = "form_id"
"""The hidden field that makes a double click one submission."""

_FORM_ID = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{8,128}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A request that was good: its one event and the files the event names."""

    event: InboundMessage
    files: tuple[bytes, ...]


def read_form(raw: RawRequest, settings: WebSettings, site: Site, language: str) -> Read:
    """Read a filled-in form; raises ``Refused``."""
    body = read_body(raw, FORM_TYPES)
    values = dict(body.values)
    form_id = values.pop(FORM_ID, None)
    manner = Manner(region=site.region, local_time=ZoneInfo(site.timezone), boxes=True)
    submission, taken = _checked(values, body, manner, settings)
    if not isinstance(form_id, str) or not _FORM_ID.fullmatch(form_id):
        raise refused("form_id_missing")
    return _read(submission, taken, f"form:{form_id}", settings, language)


def read_api(raw: RawRequest, settings: WebSettings, site: Site) -> Read:
    """Read a request to the intake API; raises ``Refused``."""
    key = _idempotency_key(raw.headers)
    body = read_body(raw, API_TYPES)
    manner = Manner(region=site.region, local_time=None, boxes=False)
    submission, taken = _checked(body.values, body, manner, settings)
    return _read(submission, taken, f"api:{key}", settings, None)


def verify_api(raw: RawRequest, settings: WebSettings) -> None:
    """Require one of the account's keys, when it has any; raises ``Unverified``."""
    if not settings.intake_keys:
        return
    scheme, _, given = raw.headers.get("authorization", "").partition(" ")
    shown = given.strip().encode("utf-8", "surrogateescape")
    # Every key is compared, so that the time taken does not tell which one was nearly right.
    matches = [
        hmac.compare_digest(shown, key.get_secret_value().encode()) for key in settings.intake_keys
    ]
    if scheme.lower() != "bearer" or not any(matches):
        raise Unverified("no valid intake key")


def _idempotency_key(headers: Mapping[str, str]) -> str:
    """Return the key, with or without the quotes of draft-ietf-httpapi-idempotency-key-header."""
    given = headers.get("idempotency-key", "").strip()
    if not given:
        raise refused("idempotency_key_missing")
    if len(given) > 2 and given[0] == given[-1] == '"':
        given = given[1:-1]
    if not _KEY.fullmatch(given):
        raise refused("idempotency_key_invalid")
    return given


def _checked(
    values: Mapping[str, object], body: Body, manner: Manner, settings: WebSettings
) -> tuple[Submission, Sequence[Taken]]:
    submission, problems = read_submission(values, manner)
    taken, file_problems = take(body.files, settings)
    if submission is None or file_problems:
        raise Refused([*problems, *file_problems])
    return submission, taken


def _read(
    submission: Submission,
    taken: Sequence[Taken],
    key: str,
    settings: WebSettings,
    page_language: str | None,
) -> Read:
    anonymous = not (submission.name or submission.phone or submission.email)
    event = InboundMessage(
        contact=_contact(submission, key),
        entry=settings.entry or settings.account,
        dedupe_key=key,
        conversation=f"{settings.account}/{key}",
        text=submission.content,
        title=submission.title,
        media=tuple(file.ref for file in taken),
        reporter=ReporterHint(
            name=submission.name,
            phone=submission.phone,
            email=submission.email,
            verified_by="none",
            language=submission.language or page_language,
            anonymous=anonymous,
        ),
        location=submission.location,
        request_type=submission.request_type,
        confidential=submission.confidential,
        public_consent=submission.public_consent,
        follow_up_wanted=submission.follow_up_wanted,
        happened_at=submission.occurred_at,
        seals=True,
        native_id=key,
    )
    return Read(event=event, files=tuple(file.content for file in taken))


def _contact(submission: Submission, key: str) -> str:
    """Those who leave no address share nothing: each gets a contact, and a lane, of their own."""
    if submission.phone:
        return contact("tel", submission.phone)
    if submission.email:
        name, _, domain = submission.email.rpartition("@")
        return contact("mailto", f"{name}@{domain.lower()}")
    return contact("web", hashlib.sha256(key.encode()).hexdigest()[:26])
