"""The form and the intake API: one submission, one event, one answer."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.web.simulator import PHOTO, SentFile
from gateway.channel import Conflict, HttpReply, Malformed, RawRequest, Unverified
from gateway.domain.intake import InboundMessage, Outcome

FORM_ID = "01JD7Z8Q4N5T6V7W8X9Y0Z1A2B"
ACCEPTED = Outcome(
    status="accepted", draft_id="01JD", receipt_no="2611210000016", query_code="204816"
)
PHOTOGRAPH = SentFile(name="照片.png", media_type="image/png", content=PHOTO)


def with_body(raw: RawRequest, body: bytes, content_type: str | None = None) -> RawRequest:
    headers = type(raw.headers)(raw.headers)  # type: ignore[call-arg]
    if content_type is not None:
        headers["Content-Type"] = content_type  # type: ignore[index]
    return RawRequest(
        method=raw.method, url=raw.url, path=raw.path, headers=headers, body=body, query=raw.query
    )


def with_header(raw: RawRequest, name: str, value: str | None) -> RawRequest:
    headers = type(raw.headers)(raw.headers)  # type: ignore[call-arg]
    headers.pop(name, None)  # type: ignore[attr-defined]
    if value is not None:
        headers[name] = value  # type: ignore[index]
    return RawRequest(method=raw.method, url=raw.url, path=raw.path, headers=headers, body=raw.body)


def refusal(handler: Any, raw: RawRequest) -> HttpReply:
    with pytest.raises(Malformed) as refused:
        handler.parse(raw)
    reply: HttpReply = handler.refuse(raw, refused.value)
    return reply


def problem(reply: HttpReply) -> dict[str, Any]:
    assert reply.content_type == "application/problem+json"
    document: dict[str, Any] = json.loads(reply.body)
    assert document["status"] == reply.status
    assert document["type"].endswith(document["code"])
    assert document["title"]
    assert document["detail"]
    return document


def the_event(handler: Any, raw: RawRequest) -> InboundMessage:
    handler.verify(raw)
    assert handler.handshake(raw) is None
    (event,) = handler.parse(raw)
    assert [event] == handler.parse(raw), "parse is pure"
    assert isinstance(event, InboundMessage)
    return event


# The form


def test_a_filled_in_form_is_one_sealed_message(web: Any) -> None:
    raw = web.simulator.form(
        {"content": "路灯不亮", "phone": "13800138000", "occurred_at": "2026-11-20T22:10"},
        form_id=FORM_ID,
        files=[PHOTOGRAPH],
        language="en",
    )
    event = the_event(web.form, raw)
    assert event.contact == "tel:+8613800138000"
    assert event.entry == "site"
    assert event.dedupe_key == f"form:{FORM_ID}"
    assert event.conversation == f"site/form:{FORM_ID}"
    assert event.seals
    assert event.occurred_at is None
    assert event.happened_at == datetime.fromisoformat("2026-11-20T22:10:00+08:00")
    assert event.confidential is False
    assert event.reporter is not None
    assert (event.reporter.language, event.reporter.verified_by) == ("en", "none")
    assert not event.reporter.anonymous
    (ref,) = event.media
    (content,) = web.form.files(raw)
    assert ref.sha256 == hashlib.sha256(content).hexdigest()
    assert ref.filename == "照片.png"


def test_a_double_click_is_the_same_event_although_the_boundary_differs(web: Any) -> None:
    first, second = (web.simulator.form({"content": "a"}, form_id=FORM_ID) for _ in range(2))
    assert first.body != second.body
    assert the_event(web.form, first) == the_event(web.form, second)


def test_a_form_without_files_or_contact_is_anonymous_and_alone_in_its_lane(web: Any) -> None:
    one = the_event(web.form, web.simulator.form({"content": "a"}))
    other = the_event(web.form, web.simulator.form({"content": "a"}))
    assert one.reporter is not None
    assert one.reporter.anonymous
    assert one.media == ()
    assert one.contact.startswith("web:")
    assert one.contact != other.contact


def test_an_address_is_the_contact_when_there_is_no_telephone(web: Any) -> None:
    event = the_event(web.form, web.simulator.form({"content": "a", "email": "Li@City.Example"}))
    assert event.contact == "mailto:Li@city.example"


def test_the_form_also_takes_urlencoded_bodies(web: Any) -> None:
    raw = with_body(
        web.simulator.form({"content": "a"}),
        f"content=%E8%B7%AF%E7%81%AF&form_id={FORM_ID}".encode(),
        "application/x-www-form-urlencoded; charset=UTF-8",
    )
    assert the_event(web.form, raw).text == "路灯"


def test_the_answer_shows_both_numbers_in_the_language_of_the_page(web: Any) -> None:
    raw = web.simulator.form({"content": "a"}, language="en")
    reply = web.form.answer(raw, ACCEPTED)
    page = reply.body.decode()
    assert reply.status == 200
    assert "2611210000016" in page
    assert "204816" in page
    assert "Write down" in page
    duplicate = Outcome(status="duplicate", receipt_no="2611210000016", query_code="204816")
    assert web.form.answer(raw, duplicate).body == reply.body
    assert "请记下" in web.form.acknowledge(ACCEPTED).body.decode()


def test_a_busy_store_gets_the_form_back_ready_to_be_sent_again(web: Any) -> None:
    raw = web.simulator.form({"content": "路灯 <坏>"}, form_id=FORM_ID)
    reply = web.form.answer(raw, Outcome(status="busy"))
    page = reply.body.decode()
    assert reply.status == 503
    assert reply.headers["Retry-After"] == "5"
    assert "路灯 &lt;坏&gt;" in page
    assert FORM_ID in page, "sending it again is still the same submission"


@pytest.mark.parametrize("how", ["outcome", "exception"])
def test_an_edited_form_sent_twice_gets_a_fresh_id_and_keeps_the_text(web: Any, how: str) -> None:
    raw = web.simulator.form({"content": "另一件事"}, form_id=FORM_ID)
    if how == "outcome":
        reply = web.form.answer(raw, Outcome(status="duplicate", conflict=True))
    else:
        reply = web.form.refuse(raw, Conflict())
    page = reply.body.decode()
    assert reply.status == 422
    assert "另一件事" in page
    assert FORM_ID not in page
    assert "204816" not in page


def test_a_wrong_form_comes_back_with_everything_typed(web: Any) -> None:
    raw = web.simulator.form(
        {"content": "", "title": 'say "hi" <b>', "phone": "x", "public_consent": "yes"},
        form_id=FORM_ID,
    )
    reply = refusal(web.form, raw)
    page = reply.body.decode()
    assert reply.status == 400
    assert 'value="say &#34;hi&#34; &lt;b&gt;"' in page
    assert 'value="x"' in page
    assert 'id="public_consent" name="public_consent" type="checkbox" value="yes" checked' in page
    assert 'href="#phone"' in page
    assert f'value="{FORM_ID}"' in page


def test_a_form_without_its_id_comes_back_with_one(web: Any) -> None:
    raw = with_body(web.simulator.form({}), b"content=abc", "application/x-www-form-urlencoded")
    page = refusal(web.form, raw).body.decode()
    assert ">\nabc</textarea>" in page
    assert 'name="form_id" value="01JD7Z8Q' in page


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b"content=x", 415),
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded", b"content=%FF", 400),
        ("application/x-www-form-urlencoded", b"content=a&content=b", 400),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 50), 400),
        ("application/x-www-form-urlencoded", b"content=" + b"x" * 300_000, 413),
        ("multipart/form-data; boundary=b", b"--b\r\n", 400),
    ],
)
def test_a_body_that_cannot_be_read_gets_the_form(
    web: Any, content_type: str, body: bytes, status: int
) -> None:
    reply = refusal(web.form, with_body(web.simulator.form({}), body, content_type))
    assert reply.status == status
    assert b"<form" in reply.body


# The intake API


def test_a_json_request_is_one_sealed_message(web: Any) -> None:
    raw = web.simulator.api(
        {"content": "路灯不亮", "lat": 36.65, "long": 117.12, "confidential": True},
        key="8e03978e-40d5-43dd-bc93-6894a57f9324",
    )
    event = the_event(web.api, raw)
    assert event.dedupe_key == "api:8e03978e-40d5-43dd-bc93-6894a57f9324"
    assert event.text == "路灯不亮"
    assert event.confidential is True
    assert event.public_consent is None
    assert event.location is not None
    assert event.location.datum == "WGS84"
    assert web.api.files(raw) == ()


def test_a_multipart_request_brings_its_files(web: Any) -> None:
    raw = web.simulator.image("井盖坏了", sender="13800138000")
    assert len(the_event(web.api, raw).media) == 1
    assert web.api.files(raw) == (PHOTO,)


def test_a_key_means_the_same_with_and_without_quotes(web: Any) -> None:
    raw = web.simulator.message("a", sender="li@city.example", message_id="12345678")
    quoted = with_header(raw, "Idempotency-Key", '"12345678"')
    assert the_event(web.api, raw) == the_event(web.api, quoted)


@pytest.mark.parametrize("status", ["accepted", "duplicate"])
def test_the_first_and_every_repeated_answer_are_the_same_bytes(web: Any, status: Any) -> None:
    outcome = Outcome(
        status=status, draft_id="01JD", receipt_no="2611210000016", query_code="204816"
    )
    reply = web.api.acknowledge(outcome)
    assert reply.status == 201
    assert reply.content_type == "application/json"
    assert reply.body == (b'{"draft_id":"01JD","receipt_no":"2611210000016","query_code":"204816"}')


def test_a_reused_key_is_a_problem(web: Any) -> None:
    raw = web.simulator.message("a", sender="13800138000")
    for reply in (
        web.api.answer(raw, Outcome(status="duplicate", conflict=True, query_code="204816")),
        web.api.refuse(raw, Conflict()),
    ):
        assert reply.status == 422
        assert problem(reply)["code"] == "idempotency_key_reused"
        assert b"204816" not in reply.body


def test_a_busy_store_is_a_problem_that_says_when_to_come_again(web: Any) -> None:
    reply = web.api.acknowledge(Outcome(status="busy"))
    assert reply.status == 503
    assert reply.headers["Retry-After"] == "5"
    assert problem(reply)["code"] == "busy"


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_missing"),
        ("short", "idempotency_key_invalid"),
        ("x" * 129, "idempotency_key_invalid"),
        ("with a space", "idempotency_key_invalid"),
        ("ключ-ключ", "idempotency_key_invalid"),
    ],
)
def test_a_request_needs_a_usable_key(web: Any, key: str | None, code: str) -> None:
    raw = with_header(web.simulator.message("a", sender="13800138000"), "Idempotency-Key", key)
    reply = refusal(web.api, raw)
    assert reply.status == 400
    assert problem(reply)["code"] == code


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{", 400, "json_malformed"),
        ("application/json", b"[]", 400, "json_malformed"),
        ("application/json", b'{"content": "\xff"}', 400, "json_malformed"),
        ("application/json", b'{"content": "\\ud800"}', 400, "json_malformed"),
        ("application/json", b"[" * 200_000, 400, "json_malformed"),
        ("application/json", b" " * 300_000, 413, "body_too_large"),
        ("text/plain", b"{}", 415, "content_type_unsupported"),
        ("", b"{}", 415, "content_type_unsupported"),
        ("multipart/form-data; boundary=b", b"{}", 400, "multipart_malformed"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_problem(
    web: Any, content_type: str, body: bytes, status: int, code: str
) -> None:
    raw = web.simulator.message("a", sender="13800138000")
    reply = refusal(web.api, with_body(raw, body, content_type))
    assert reply.status == status
    assert problem(reply)["code"] == code


def test_wrong_fields_are_listed_with_code_text_and_cure(web: Any) -> None:
    raw = web.simulator.api({"content": "", "phone_no": "1"})
    english = with_header(raw, "Accept-Language", "en-GB;q=0.9, fr")
    document = problem(refusal(web.api, english))
    assert document["code"] == "invalid_fields"
    assert [(error["field"], error["code"]) for error in document["errors"]] == [
        ("content", "required"),
        ("phone_no", "unknown_field"),
    ]
    assert document["errors"][1]["cure"] == "You may mean: phone."


def test_a_field_sent_twice_and_a_file_in_another_field_are_refused(web: Any) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="content"'
    twice = head + b"\r\n\r\nx\r\n" + head + b"\r\n\r\ny\r\n--b--"
    file = head + b'; filename="x.png"\r\n\r\n' + PHOTO + b"\r\n--b--"
    raw = web.simulator.message("a", sender="13800138000")
    for body, code in ((twice, "field_twice"), (file, "file_in_wrong_field")):
        reply = refusal(web.api, with_body(raw, body, "multipart/form-data; boundary=b"))
        assert problem(reply)["code"] == code


def test_without_keys_everybody_may_use_the_api(web: Any) -> None:
    web.api.verify(with_header(web.simulator.message("a", sender="x@y.cn"), "Authorization", None))


def test_with_keys_only_their_owners_may(make_web: Callable[..., Any]) -> None:
    web = make_web(intake_keys=("old-key-0123456789", "new-key-0123456789"))
    raw = web.simulator.message("a", sender="13800138000")
    web.api.verify(raw)
    web.api.verify(with_header(raw, "Authorization", "bearer new-key-0123456789"))
    for wrong in (None, "", "Bearer", "Bearer ", "Bearer old-key", "Basic old-key-0123456789"):
        with pytest.raises(Unverified):
            web.api.verify(with_header(raw, "Authorization", wrong))
    with pytest.raises(Unverified):
        web.api.verify(with_header(raw, "Authorization", "Bearer ключ\udce4"))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_read_or_refused_and_always_answered(web: Any, data: st.DataObject) -> None:
    handler, raw = data.draw(
        st.sampled_from(
            [
                (web.form, web.simulator.form({"content": "路灯"}, files=[PHOTOGRAPH])),
                (web.api, web.simulator.message("路灯", sender="13800138000")),
                (web.api, web.simulator.image("路灯", sender="13800138000")),
            ]
        )
    )
    body = bytearray(raw.body)
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    raw = with_body(raw, bytes(body))
    try:
        handler.parse(raw)
    except Malformed as error:
        status = handler.refuse(raw, error).status
    else:
        status = 200
    assert status in {200, 400, 413}


def test_a_refusal_says_nothing_personal_in_its_message(web: Any) -> None:
    raw = web.simulator.api({"content": "我的秘密", "phone": "1380013", "张三": "x", "email": "@"})
    with pytest.raises(Malformed) as refused:
        web.api.parse(raw)
    assert not any(word in str(refused.value) for word in ("秘密", "1380013", "张三"))


# The account


def test_every_page_may_apply_its_own_style_and_nothing_else(web: Any) -> None:
    reply = web.form.acknowledge(ACCEPTED)
    style = reply.body.decode().split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = reply.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["Cache-Control"] == "no-store"


def test_only_listed_sites_may_frame_the_form(make_web: Callable[..., Any]) -> None:
    web = make_web(embed_in=("https://www.city.example/hotline", "https://m.city.example"))
    headers = web.form.acknowledge(ACCEPTED).headers
    policy = headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://www.city.example https://m.city.example")
    assert "X-Frame-Options" not in headers


def test_the_core_is_told_what_kind_of_account_this_is(make_web: Callable[..., Any]) -> None:
    spec = make_web(upload=1024).account.spec
    assert spec.receipt_in_answer
    assert not spec.acknowledges
    assert spec.key_conflict_is_error
    assert spec.body_limit == 1024 + 256 * 1024
