"""``/report/status``: a citizen asks about a case with its two numbers, and only with both."""

import unicodedata

from channels.web.body import URLENCODED, read_body
from channels.web.pages import Pages
from channels.web.problems import Refused
from gateway.channel import CaseLookup, HttpReply, RawRequest
from gateway.domain.receipt import is_receipt_no

_FIELDS = ("receipt_no", "query_code")


class StatusPage:
    """Shows the look-up form and its result. Implements ``gateway.channel.Page``.

    An unknown number, a wrong code and a number with a typing mistake all get the very same
    answer. The numbers travel in the body, so that no log or browser history keeps them.
    """

    def __init__(self, pages: Pages, cases: CaseLookup) -> None:
        self._pages = pages
        self._cases = cases

    async def show(self, raw: RawRequest) -> HttpReply:
        """Return the form, the case, or one answer for everything else."""
        if raw.method != "POST":
            return self._pages.status_form(raw)
        try:
            values = read_body(raw, (URLENCODED,)).values
        except Refused as error:
            return self._pages.status_form(raw, missing=_FIELDS, status=error.status)
        typed = {field: str(values.get(field, ""))[:60] for field in _FIELDS}
        missing = [field for field in _FIELDS if not typed[field].strip()]
        if missing:
            return self._pages.status_form(raw, typed=typed, missing=missing, status=400)
        receipt_no, query_code = (_digits(typed[field]) for field in _FIELDS)
        if is_receipt_no(receipt_no) and len(query_code) == 6:
            case = await self._cases.status(receipt_no, query_code)
            if case is not None:
                return self._pages.case(raw, case)
        return self._pages.status_form(raw, typed=typed, not_found=True, status=404)


def _digits(text: str) -> str:
    """Return the digits as they are stored: full-width digits, spaces and dashes are fine."""
    folded = unicodedata.normalize("NFKC", text)
    kept = "".join(c for c in folded if not c.isspace() and c not in "-\u2010\u2011\u2013\u2014")
    return kept if kept.isascii() and kept.isdigit() else ""
