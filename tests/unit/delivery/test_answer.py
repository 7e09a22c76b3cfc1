"""What a backend's acknowledgement says of its case, in every form backends use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channel.http import EgressReply
from gateway.delivery.answer import OpenedCase, opened_case

CALLED = "https://cases.example/api/hook"


def case(body: bytes = b"", **headers: str) -> OpenedCase:
    reply = EgressReply(status=201, headers=headers, body=body, truncated=False, elapsed=0.0)
    return opened_case(reply, called=CALLED, fallback="DRAFT")


@pytest.mark.parametrize(
    ("body", "external_id", "url"),
    [
        (b'{"external_id":"WO-1","url":"https://a.example/1"}', "WO-1", "https://a.example/1"),
        (b'{"id":17}', "17", None),
        (b'{"data":{"id":"9","url":"http://a.example/9"}}', "9", "http://a.example/9"),
        (b'{"external_id":" WO 2 ","id":"x"}', "WO 2", None),
        (b'{"id":true}', "DRAFT", None),
        (b'{"id":null,"data":[1]}', "DRAFT", None),
        (b'{"id":1.5}', "DRAFT", None),
        (b'{"id":""}', "DRAFT", None),
        (b'{"id":"a\\u0000b"}', "DRAFT", None),
        (b'{"id":"' + b"9" * 201 + b'"}', "DRAFT", None),
        (b'{"id":"1","url":"javascript:alert(1)"}', "1", None),
        (b'{"id":"1","url":"http://[broken"}', "1", None),
        (b"[]", "DRAFT", None),
        (b"ok", "DRAFT", None),
        (b"\xff\xfe", "DRAFT", None),
        (b"[" * 100_000, "DRAFT", None),
        (b"", "DRAFT", None),
    ],
)
def test_the_case_is_found_where_backends_put_it(
    body: bytes, external_id: str, url: str | None
) -> None:
    assert case(body) == OpenedCase(external_id=external_id, url=url)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (
            "/rest/issue12",
            OpenedCase(external_id="issue12", url="https://cases.example/rest/issue12"),
        ),
        ("https://o.example/c/7/", OpenedCase(external_id="7", url="https://o.example/c/7/")),
        ("http://[broken", OpenedCase(external_id="DRAFT")),
        ("", OpenedCase(external_id="DRAFT")),
    ],
)
def test_a_location_names_the_case_when_the_body_does_not(
    location: str, expected: OpenedCase
) -> None:
    assert case(location=location) == expected


def test_the_bodys_number_comes_before_the_locations() -> None:
    found = case(b'{"data":{"id":"12"}}', location="/rest/issue/other")
    assert found == OpenedCase(external_id="12", url="https://cases.example/rest/issue/other")


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_answer_whatever_breaks_an_acknowledged_delivery(body: bytes, location: str) -> None:
    found = case(body, location=location)
    assert found.external_id
    assert found.external_id.isprintable()
