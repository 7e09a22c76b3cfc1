"""The citizen's form: shown, taken in, and answered in the citizen's language."""

from collections.abc import Mapping, Sequence

from channels.web.body import read_body
from channels.web.config import WebSettings
from channels.web.fields import NAMES
from channels.web.inbound import FORM_ID, FORM_TYPES, read_form
from channels.web.pages import Pages
from channels.web.problems import Problem, Refused
from channels.web.words import Catalogue
from gateway.channel import HttpReply, RawRequest, Site
from gateway.domain.intake import Event, Outcome


class FormPage:
    """``GET /report``. Implements ``gateway.channel.Page``."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, raw: RawRequest) -> HttpReply:
        """Return an empty form with an id of its own."""
        return self._pages.form(raw)


class FormIntake:
    """``POST /report``. Implements ``WebhookChannel``, ``CarriesFiles``, ``AnswersInContext`` and
    ``RefusesInItsOwnWords`` of ``gateway.channel``.
    """

    def __init__(
        self, settings: WebSettings, site: Site, pages: Pages, catalogue: Catalogue
    ) -> None:
        self._settings = settings
        self._site = site
        self._pages = pages
        self._catalogue = catalogue

    def verify(self, raw: RawRequest) -> None:
        """Accept everybody: a public form has nobody to prove anything."""

    def handshake(self, raw: RawRequest) -> HttpReply | None:
        """Return None: there is no set-up question."""
        return None

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Return the one message; raises ``Refused`` with everything that is wrong."""
        language = self._catalogue.language_of(raw)
        return [read_form(raw, self._settings, self._site, language).event]

    def files(self, raw: RawRequest) -> Sequence[bytes]:
        """Return the attachments that ``parse`` names."""
        return read_form(raw, self._settings, self._site, self._catalogue.usual).files

    def acknowledge(self, outcome: Outcome) -> HttpReply:
        """Answer in the site's language; :meth:`answer` knows the citizen's."""
        return self._answer(None, {}, outcome)

    def answer(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Show the two numbers, or the form again when it was not stored."""
        return self._answer(raw, _typed(raw), outcome)

    def refuse(self, raw: RawRequest, error: Exception) -> HttpReply:
        """Show the form again with what was typed and what is wrong with it."""
        typed = _typed(raw)
        if isinstance(error, Refused):
            return self._pages.form(raw, typed=typed, problems=error.problems, status=error.status)
        return self._sent_already(raw, typed)

    def _answer(
        self, raw: RawRequest | None, typed: Mapping[str, str], outcome: Outcome
    ) -> HttpReply:
        if outcome.status == "busy":
            return self._pages.busy(raw, typed)
        if outcome.conflict:
            return self._sent_already(raw, typed)
        if outcome.status == "ignored":
            return self._pages.form(raw)
        return self._pages.sent(raw, outcome)

    def _sent_already(self, raw: RawRequest | None, typed: Mapping[str, str]) -> HttpReply:
        afresh = {name: value for name, value in typed.items() if name != FORM_ID}
        problem = Problem(code="form_sent_already")
        return self._pages.form(raw, typed=afresh, problems=[problem], status=422)


def _typed(raw: RawRequest) -> dict[str, str]:
    """Return what was typed, however wrong, so that nobody has to type it again."""
    try:
        values = read_body(raw, FORM_TYPES).values
    except Refused:
        return {}
    known = (*NAMES, FORM_ID)
    return {
        name: value for name, value in values.items() if name in known and isinstance(value, str)
    }
