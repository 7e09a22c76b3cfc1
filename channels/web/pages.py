"""The pages a citizen sees: one HTML answer each, without script or anything from elsewhere."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from channels.web.config import WebSettings
from channels.web.fields import CHECKBOXES, NAMES, REQUEST_TYPES
from channels.web.inbound import FORM_ID
from channels.web.problems import FILES, Problem
from channels.web.words import TEMPLATES, Catalogue
from gateway.channel import HttpReply, Ports, RawRequest
from gateway.channel.file_types import TYPES
from gateway.domain.intake import CaseStatus, Outcome

RETRY_AFTER_S = 5
HTML = "text/html; charset=utf-8"
_ACCEPT = ",".join(sorted({"." + extension for extension in TYPES} | {".jpeg"}))


class Pages:
    """Renders every page of one account; where ``raw`` is None the site's language is used."""

    def __init__(self, settings: WebSettings, ports: Ports, catalogue: Catalogue) -> None:
        self._settings = settings
        self._ports = ports
        self._catalogue = catalogue
        self._css = _style()
        self._mount = urlsplit(ports.site.public_url).path.rstrip("/")
        self._zone = ZoneInfo(ports.site.timezone)
        self._headers = page_headers(settings)

    def form(
        self,
        raw: RawRequest | None,
        *,
        typed: Mapping[str, str] | None = None,
        problems: Sequence[Problem] = (),
        status: int = 200,
    ) -> HttpReply:
        """Return the form, with what was typed and what is wrong with it.

        ``typed`` may carry the form's id: only a form that may still be on its way keeps its own.
        """
        language, values = self._frame(raw, "/report", switches=not problems)
        typed = typed or {}
        errors = self._errors(language, problems)
        values |= {
            "title": values["t"]["page"]["report"],
            "errors": errors,
            "error_of": {error["field"]: error for error in reversed(errors)},
            "typed": typed,
            "checkboxes": CHECKBOXES,
            "request_types": REQUEST_TYPES,
            "form_id": typed.get(FORM_ID) or self._ports.ids.new(),
            "files": self._settings.files,
            "megabytes": self._settings.file_size >> 20,
            "accept": _ACCEPT,
            "files_again": bool(problems),
            "privacy_url": self._settings.privacy_url,
        }
        return self._page("report.html", language, values, status)

    def busy(self, raw: RawRequest | None, typed: Mapping[str, str]) -> HttpReply:
        """Return the form as it was sent, to be sent again."""
        return self.form(raw, typed=typed, problems=[Problem(code="busy")], status=503)

    def sent(self, raw: RawRequest | None, outcome: Outcome) -> HttpReply:
        """Return the page with the receipt number and the query code."""
        language, values = self._frame(raw, "/report", switches=False)
        values |= {
            "title": values["t"]["page"]["sent"],
            "receipt_no": outcome.receipt_no or "",
            "query_code": outcome.query_code or "",
        }
        return self._page("sent.html", language, values, 200)

    def status_form(
        self,
        raw: RawRequest,
        *,
        typed: Mapping[str, str] | None = None,
        missing: Sequence[str] = (),
        not_found: bool = False,
        status: int = 200,
    ) -> HttpReply:
        """Return the look-up form."""
        language, values = self._frame(raw, "/report/status")
        values |= {
            "title": values["t"]["page"]["status"],
            "typed": typed or {},
            "missing": missing,
            "not_found": not_found,
        }
        return self._page("status.html", language, values, status)

    def case(self, raw: RawRequest, case: CaseStatus) -> HttpReply:
        """Return what a citizen may know of a case."""
        language, values = self._frame(raw, "/report/status", switches=False)
        values |= {
            "title": values["t"]["page"]["status"],
            "case": case,
            "state": values["t"]["status"]["states"].get(case.state, case.state),
            "received_at": self._local(case.received_at),
            "updated_at": self._local(case.updated_at),
            "answers": [
                {"at": self._local(message.at), "text": message.text} for message in case.answers
            ],
        }
        return self._page("case.html", language, values, 200)

    def _frame(
        self, raw: RawRequest | None, path: str, *, switches: bool = True
    ) -> tuple[str, dict[str, Any]]:
        """Return the language and the values that every page has.

        ``switches`` offers other languages and sizes: links, which would lose an answer or what
        was typed.
        """
        catalogue = self._catalogue
        language = catalogue.language_of(raw) if raw is not None else catalogue.usual
        elder = raw is not None and _asks_for_elder_mode(raw.query)
        suffix = "&elder=1" if elder else ""
        here = f"{self._mount}{path}?lang={language}"
        return language, {
            "t": catalogue.words(language),
            "lang": language,
            "languages": [
                {
                    "tag": tag,
                    "name": catalogue.words(tag)["language"],
                    "href": f"{self._mount}{path}?lang={tag}{suffix}",
                }
                for tag in catalogue.languages
                if tag != language
            ],
            "switches": switches,
            "elder": elder,
            "size_href": here if elder else f"{here}&elder=1",
            "report_href": f"{self._mount}/report?lang={language}{suffix}",
            "status_href": f"{self._mount}/report/status?lang={language}{suffix}",
            "css": self._css,
            "site_name": self._ports.site.name,
            "help_phone": self._settings.help_phone,
            "help_href": "tel:" + (self._settings.help_phone or "").replace(" ", ""),
        }

    def _errors(self, language: str, problems: Sequence[Problem]) -> list[dict[str, str]]:
        labels = self._catalogue.words(language)["form"]
        errors = []
        for problem in problems:
            what, cure = self._catalogue.say(language, problem)
            known = problem.field in labels and problem.field in (*NAMES, FILES)
            errors.append(
                {
                    "field": problem.field if known else "",
                    "label": labels[problem.field] if known else "",
                    "what": what,
                    "cure": cure,
                }
            )
        return errors

    def _local(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")

    def _page(
        self, template: str, language: str, values: Mapping[str, Any], status: int
    ) -> HttpReply:
        headers = {**self._headers, "Content-Language": language}
        if status == 503:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        body = self._ports.pages.render(template, language, values)
        return HttpReply(status=status, body=body, content_type=HTML, headers=headers)


def _asks_for_elder_mode(query: str) -> bool:
    return parse_qs(query, max_num_fields=20).get("elder") == ["1"]


def _style() -> str:
    return (TEMPLATES / "citizen.css").read_text(encoding="utf-8")


def page_headers(settings: WebSettings) -> dict[str, str]:
    """Return the headers of every page.

    The style sheet stands in the page, so its hash is the only thing that may be applied.
    """
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    sites = [urlsplit(url) for url in settings.embed_in]
    ancestors = " ".join(f"{site.scheme}://{site.netloc}" for site in sites) or "'none'"
    headers = {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    if not sites:
        headers["X-Frame-Options"] = "DENY"
    return headers
