"""Reads what a citizen filled in: every field is checked, and all that is wrong is told at once."""

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar, get_args
from zoneinfo import ZoneInfo

from channels.web.problems import Problem
from gateway.domain.contact import e164
from gateway.domain.draft import CONTENT_LIMIT, E164_PATTERN, TITLE_LIMIT, Location, RequestType

REQUEST_TYPES: tuple[RequestType, ...] = tuple(
    kind for kind in get_args(RequestType) if kind != "unclassified"
)
Datum = Literal["WGS84", "GCJ02", "BD09", "CGCS2000"]
DATUMS: tuple[Datum, ...] = get_args(Datum)
NAMES = (
    "content",
    "title",
    "name",
    "phone",
    "email",
    "address",
    "lat",
    "long",
    "datum",
    "request_type",
    "occurred_at",
    "confidential",
    "public_consent",
    "follow_up_wanted",
    "language",
)
CHECKBOXES = ("confidential", "public_consent", "follow_up_wanted")

_Choice = TypeVar("_Choice", bound=str)

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]{1,64}@"
    r"(?:[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\u0080-\U0010ffff-]{0,61}"
    r"[A-Za-z0-9\u0080-\U0010ffff])?\.)+[A-Za-z0-9\u0080-\U0010ffff-]{2,63}"
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
YES = frozenset({"yes", "on", "true", "1"})
NO = frozenset({"no", "off", "false", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A submission whose every field is good; None stands for "not said"."""

    content: str
    title: str | None
    name: str | None
    phone: str | None
    email: str | None
    location: Location | None
    request_type: RequestType | None
    occurred_at: datetime | None
    confidential: bool | None
    public_consent: bool | None
    follow_up_wanted: bool | None
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How fields are to be read.

    ``region`` reads telephone numbers without a country code. ``local_time`` is the zone of times
    without an offset (a form's own input has none); None refuses them. ``boxes`` says that
    an absent tick box means "no", as in an HTML form.
    """

    region: str
    local_time: ZoneInfo | None
    boxes: bool


def read_submission(
    given: Mapping[str, object], manner: Manner
) -> tuple[Submission | None, list[Problem]]:
    """Return the submission, or None and every problem, in the order of :data:`NAMES`.

    Values are text (forms) or what JSON can say; ``None`` and blank text mean "not given".
    """
    reader = _Reader(given, manner)
    location = reader.location()
    content = reader.text("content", CONTENT_LIMIT, lines=True)
    if content is None and not reader.has_problem("content"):
        reader.note("content", "required")
    submission = Submission(
        content=content or "",
        title=reader.text("title", TITLE_LIMIT),
        name=reader.text("name", 50),
        phone=reader.phone(),
        email=reader.email(),
        location=location,
        request_type=reader.choice("request_type", REQUEST_TYPES),
        occurred_at=reader.time("occurred_at"),
        confidential=reader.yes_or_no("confidential"),
        public_consent=reader.yes_or_no("public_consent"),
        follow_up_wanted=reader.yes_or_no("follow_up_wanted"),
        language=reader.language(),
    )
    problems = sorted(reader.problems, key=lambda problem: NAMES.index(problem.field))
    problems += [_unknown(name) for name in given if name not in NAMES]
    return (None if problems else submission), problems


class _Reader:
    """Takes fields one by one and gathers the problems."""

    def __init__(self, given: Mapping[str, object], manner: Manner) -> None:
        self._given = given
        self._manner = manner
        self.problems: list[Problem] = []

    def note(self, field: str, code: str, **values: str | int) -> None:
        self.problems.append(Problem(code=code, field=field, values=values))

    def has_problem(self, field: str) -> bool:
        return any(problem.field == field for problem in self.problems)

    def text(self, field: str, limit: int, *, lines: bool = False) -> str | None:
        value = self._given.get(field)
        if value is None:
            return None
        if not isinstance(value, str):
            self.note(field, "not_text")
            return None
        # Browsers send CR LF for every line break in a text area.
        value = value.replace("\r\n", "\n").replace("\r", "\n").strip()
        if _CONTROL.search(value) or (not lines and "\n" in value):
            self.note(field, "control_character")
            return None
        if len(value) > limit:
            self.note(field, "too_long", limit=limit, length=len(value))
            return None
        return value or None

    def phone(self) -> str | None:
        value = self.text("phone", 40)
        if value is None:
            return None
        number = e164(value, self._manner.region)
        if number is None or not re.fullmatch(E164_PATTERN, number):
            self.note("phone", "not_a_phone")
            return None
        return number

    def email(self) -> str | None:
        value = self.text("email", 190)
        if value is not None and not _EMAIL.fullmatch(value):
            self.note("email", "not_an_email")
            return None
        return value

    def choice(self, field: str, choices: tuple[_Choice, ...]) -> _Choice | None:
        value = self.text(field, 40)
        for choice in choices:
            if value == choice:
                return choice
        if value is not None:
            self.note(field, "unknown_choice", choices=", ".join(choices))
        return None

    def time(self, field: str) -> datetime | None:
        value = self.text(field, 40)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.note(field, "not_a_time")
            return None
        if not 1970 <= moment.year <= 2100:
            self.note(field, "not_a_time")
            return None
        if moment.tzinfo is None:
            if self._manner.local_time is None:
                self.note(field, "time_without_offset")
                return None
            moment = moment.replace(tzinfo=self._manner.local_time)
        return moment

    def yes_or_no(self, field: str) -> bool | None:
        value = self._given.get(field)
        if isinstance(value, bool):
            return value
        if value is None or value == "":
            return False if self._manner.boxes else None
        if isinstance(value, str) and value.lower() in YES | NO:
            return value.lower() in YES
        self.note(field, "not_yes_or_no")
        return None

    def language(self) -> str | None:
        value = self.text("language", 40)
        if value is not None and not _LANGUAGE.fullmatch(value):
            self.note("language", "not_a_language")
            return None
        return value

    def location(self) -> Location | None:
        address = self.text("address", 200)
        lat, long = self._degrees("lat", 90), self._degrees("long", 180)
        datum = self.choice("datum", DATUMS)
        if self.problems:
            return None
        if (lat is None) != (long is None):
            self.note("long" if long is None else "lat", "half_a_point")
            return None
        if lat is None:
            if datum is not None:
                self.note("datum", "datum_without_point")
            return Location(address=address, source="citizen") if address else None
        return Location(
            address=address, lat=lat, long=long, datum=datum or "WGS84", source="citizen"
        )

    def _degrees(self, field: str, limit: int) -> float | None:
        value = self._given.get(field)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            self.note(field, "not_degrees", limit=limit)
            return None
        try:
            degrees = float(value)
        except (ValueError, OverflowError):
            degrees = math.nan
        if not -limit <= degrees <= limit:
            self.note(field, "not_degrees", limit=limit)
            return None
        return degrees


def _unknown(name: str) -> Problem:
    near = difflib.get_close_matches(name[:40], NAMES, n=1, cutoff=0.6)
    shown = "".join(character if character.isprintable() else "?" for character in name[:40])
    return Problem(
        code="unknown_field",
        field=shown or "?",
        values={"name": shown, "nearest": near[0] if near else ", ".join(NAMES)},
    )
