"""What can be wrong with a submission: a closed set of codes, worded in the catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from http import HTTPStatus

from gateway.channel import Malformed

FILES = "file"
"""The field that files come in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: its field (empty for the request as a whole), its code and what fills the text.

    ``code`` names an entry of ``problem`` in ``templates/messages.toml`` and is part of the public
    contract of the intake API.
    """

    code: str
    field: str = ""
    values: Mapping[str, str | int] = dataclass_field(default_factory=dict)


_STATUS: Mapping[str, HTTPStatus] = {
    "content_type_unsupported": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "body_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "files_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


class Refused(Malformed):
    """A submission with everything that is wrong with it; its message holds codes only."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(", ".join(sorted({problem.code for problem in problems})))
        self.problems = tuple(problems)

    @property
    def status(self) -> int:
        """The HTTP status that fits."""
        return _STATUS.get(self.problems[0].code, HTTPStatus.BAD_REQUEST)


def refused(code: str, field: str = "", **values: str | int) -> Refused:
    """Return the refusal for a single problem."""
    return Refused([Problem(code=code, field=field, values=values)])
