"""``POST /api/v1/intake``: the form for programs, with an idempotency key and RFC 9457 problems."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from channels.web.body import JSON
from channels.web.config import WebSettings
from channels.web.inbound import read_api, verify_api
from channels.web.pages import RETRY_AFTER_S
from channels.web.problems import Problem, Refused
from channels.web.words import Catalogue
from gateway.channel import HttpReply, RawRequest, Site
from gateway.domain.intake import Event, Outcome

PROBLEM_JSON = "application/problem+json"
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class ApiIntake:
    """Implements ``WebhookChannel``, ``CarriesFiles``, ``AnswersInContext`` and
    ``RefusesInItsOwnWords`` of ``gateway.channel``.
    """

    def __init__(self, settings: WebSettings, site: Site, catalogue: Catalogue) -> None:
        self._settings = settings
        self._site = site
        self._catalogue = catalogue

    def verify(self, raw: RawRequest) -> None:
        """Require a key when the account has keys; raises ``Unverified``."""
        verify_api(raw, self._settings)

    def handshake(self, raw: RawRequest) -> HttpReply | None:
        """Return None: there is no set-up question."""
        return None

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Return the one message; raises ``Refused`` with everything that is wrong."""
        return [read_api(raw, self._settings, self._site).event]

    def files(self, raw: RawRequest) -> Sequence[bytes]:
        """Return the attachments that ``parse`` names."""
        return read_api(raw, self._settings, self._site).files

    def acknowledge(self, outcome: Outcome) -> HttpReply:
        """Answer in the site's language; :meth:`answer` knows the caller's."""
        return self._answer(self._catalogue.usual, outcome)

    def answer(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Return 201 with the three ids (also to a repeated request), or a problem."""
        return self._answer(self._catalogue.language_of(raw), outcome)

    def refuse(self, raw: RawRequest, error: Exception) -> HttpReply:
        """Return the problem document for a request that is not taken."""
        language = self._catalogue.language_of(raw)
        if isinstance(error, Refused):
            return self._problems(language, error)
        return self._problem(
            language, Problem(code="idempotency_key_reused"), HTTPStatus.UNPROCESSABLE_ENTITY
        )

    def _answer(self, language: str, outcome: Outcome) -> HttpReply:
        if outcome.status == "busy":
            return self._problem(
                language,
                Problem(code="busy"),
                HTTPStatus.SERVICE_UNAVAILABLE,
                retry_after=RETRY_AFTER_S,
            )
        if outcome.conflict:
            return self._problem(
                language, Problem(code="idempotency_key_reused"), HTTPStatus.UNPROCESSABLE_ENTITY
            )
        if outcome.status == "ignored":
            return HttpReply(status=HTTPStatus.NO_CONTENT, content_type=JSON, headers=HEADERS)
        body = {
            "draft_id": outcome.draft_id,
            "receipt_no": outcome.receipt_no,
            "query_code": outcome.query_code,
        }
        return HttpReply(
            status=HTTPStatus.CREATED,
            body=msgspec.json.encode(body),
            content_type=JSON,
            headers=HEADERS,
        )

    def _problems(self, language: str, error: Refused) -> HttpReply:
        whole = [problem for problem in error.problems if not problem.field]
        if whole:
            return self._problem(language, whole[0], error.status)
        errors = []
        for problem in error.problems:
            what, cure = self._catalogue.say(language, problem)
            errors.append(
                {"field": problem.field, "code": problem.code, "message": what, "cure": cure}
            )
        summary = Problem(code="invalid_fields", values={"count": len(errors)})
        return self._problem(language, summary, error.status, errors=errors)

    def _problem(
        self,
        language: str,
        problem: Problem,
        status: int,
        *,
        retry_after: int | None = None,
        errors: Sequence[dict[str, str]] = (),
    ) -> HttpReply:
        what, cure = self._catalogue.say(language, problem)
        document: dict[str, Any] = {
            "type": f"urn:hotline:problem:{problem.code}",
            "title": what,
            "status": int(status),
            "detail": cure,
            "code": problem.code,
        }
        if errors:
            document["errors"] = errors
        headers = {**HEADERS, "Content-Language": language}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return HttpReply(
            status=int(status),
            body=msgspec.json.encode(document),
            content_type=PROBLEM_JSON,
            headers=headers,
        )
