"""What the conformance kit must know of the web form and its intake API."""

from collections.abc import Mapping

from channels.web.api import HEADERS, PROBLEM_JSON
from channels.web.body import JSON
from channels.web.config import WebSettings
from channels.web.pages import HTML, page_headers
from channels.web.simulator import WebSimulator
from gateway.channel import RawRequest
from gateway.channel.conformance import OUTCOMES, Answered, Conformance

_SETTINGS = {"kind": "web", "account": "site", "upload": 1024 * 1024}
_CITIZEN = "+8613800138000"


def _deliveries(simulator: WebSimulator) -> Mapping[str, RawRequest]:
    return {
        "image": simulator.image("井盖坏了", sender=_CITIZEN),
        "form": simulator.form({"content": "井盖坏了", "phone": _CITIZEN}),
    }


def _page(status: int, **headers: str) -> Answered:
    known = page_headers(WebSettings.model_validate(_SETTINGS))
    return Answered(
        status=status,
        content_type=HTML,
        body=None,
        headers={**known, "Content-Language": "zh-CN", **headers},
    )


def _created() -> Answered:
    told = OUTCOMES["accepted"]
    body = (
        f'{{"draft_id":"{told.draft_id}","receipt_no":"{told.receipt_no}",'
        f'"query_code":"{told.query_code}"}}'
    )
    return Answered(status=201, content_type=JSON, body=body.encode(), headers=HEADERS)


_BUSY = Answered(
    status=503,
    content_type=PROBLEM_JSON,
    body=None,
    headers={**HEADERS, "Content-Language": "zh-CN", "Retry-After": "5"},
)

CONFORMANCE = Conformance(
    settings=_SETTINGS,
    secrets=(),
    senders=(_CITIZEN, "+8613900139000"),
    proof=(),
    deliveries=_deliveries,
    acknowledgements={
        "/report": {
            "accepted": _page(200),
            "duplicate": _page(200),
            "ignored": _page(200),
            "busy": _page(503, **{"Retry-After": "5"}),
        },
        "/api/v1/intake": {
            "accepted": _created(),
            "duplicate": _created(),
            "ignored": Answered(status=204, content_type=JSON, body=b"", headers=HEADERS),
            "busy": _BUSY,
        },
    },
)
