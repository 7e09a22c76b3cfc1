"""Twilio's signature: its published vectors, and everything that must not pass."""

import contextlib
import json
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, MultiDict
from twilio.request_validator import RequestValidator

import channels.sms
from channels.sms.config import SmsSettings
from channels.sms.conformance import CONFORMANCE
from channels.sms.simulator import TwilioSimulator
from channels.sms.twilio.webhook import TwilioWebhook
from gateway.channel import Malformed, RawRequest, Unverified
from gateway.channel.form import MAX_FIELDS, form
from gateway.channel.twilio_signature import TwilioSignature

FIXTURES = Path(channels.sms.__file__).parent / "fixtures"
VECTORS = json.loads((FIXTURES / "signature_vectors.json").read_bytes())["vectors"]
CITIZEN = "+8613800138000"
_LETTERS = "aAb0-=&%"
SETTINGS = SmsSettings.model_validate(dict(CONFORMANCE.settings))


def request(url: str, fields: list[tuple[str, str]], signature: str, **headers: str) -> RawRequest:
    return RawRequest(
        method="POST",
        url=url,
        path="",
        headers=CIMultiDict({"X-Twilio-Signature": signature, **headers}),
        body=urlencode(fields).encode(),
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_a_published_vector_matches(vector: dict[str, str]) -> None:
    # The vectors sign calls, not messages: that a message's fields are missed proves the match.
    fields = [(str(pair[0]), str(pair[1])) for pair in vector["params"]]
    signature = TwilioSignature("AC0", [vector["auth_token"]], expected=("MessageSid",))
    with pytest.raises(Unverified, match="fields are missing"):
        signature.check(request(vector["url"], fields, vector["signature"]))
    with pytest.raises(Unverified, match="does not match"):
        signature.check(request(vector["url"], fields, vector["signature"].swapcase()))
    with pytest.raises(Unverified, match="does not match"):
        signature.check(request(vector["url"], [*fields, ("Extra", "")], vector["signature"]))


def test_blank_and_repeated_fields_are_part_of_the_form() -> None:
    assert list(form(b"Body=&To=%2B1&To=%2B2&=x").items()) == [
        ("Body", ""),
        ("To", "+1"),
        ("To", "+2"),
        ("", "x"),
    ]


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=20)), max_size=12))
def test_the_form_reader_agrees_with_the_standard_library(pairs: list[tuple[str, str]]) -> None:
    body = urlencode(pairs).encode()
    assert list(form(body).items()) == parse_qsl(body.decode(), keep_blank_values=True)


@given(st.binary(max_size=200))
def test_the_form_reader_agrees_on_any_utf8_bytes(body: bytes) -> None:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        with pytest.raises(UnicodeDecodeError):
            form(body)
    else:
        assert list(form(body).items()) == parse_qsl(text, keep_blank_values=True)


_AWKWARD = st.sampled_from(["", "&", "=", "\0", "\\", "%", "+", " ", "a", "a0", "路灯", "\\x41"])


@given(
    st.lists(st.tuples(st.text(_LETTERS, max_size=3) | _AWKWARD, st.text(max_size=20) | _AWKWARD)),
    st.text(max_size=20),
)
def test_every_form_has_the_signature_that_twilio_s_own_code_gives_it(
    fields: list[tuple[str, str]], token: str
) -> None:
    url = "https://hotline.example/channels/sms/main?a=b"
    sent = [
        ("AccountSid", "AC0"),
        *((name, value) for name, value in fields if name != "AccountSid"),
    ]
    proof = RequestValidator(token).compute_signature(url, MultiDict(sent))
    read = TwilioSignature("AC0", [token], expected=()).check(request(url, sent, proof))
    assert sorted(read.items()) == sorted(sent)
    with pytest.raises(Unverified):
        TwilioSignature("AC0", [token + "x"], expected=()).check(request(url, sent, proof))


def test_a_form_with_too_many_fields_is_refused_before_it_is_read() -> None:
    assert len(form(b"&".join([b"a=b"] * MAX_FIELDS)).items()) == MAX_FIELDS
    with pytest.raises(ValueError, match="too many"):
        form(b"&".join([b"a=b"] * (MAX_FIELDS + 1)))


def test_a_signature_with_or_without_the_port_is_the_same(settings: SmsSettings) -> None:
    token = settings.auth_token[0].get_secret_value()
    fields = [
        ("AccountSid", settings.account_sid),
        ("MessageSid", "SM" + "1" * 32),
        ("From", CITIZEN),
        ("To", settings.number),
        ("Body", "x"),
    ]
    for signed, configured in (
        ("https://h.example/a", "https://h.example:443/a"),
        ("https://h.example:443/a", "https://h.example/a"),
        ("https://h.example/a", "https://h.example:8443/a"),
    ):
        proof = RequestValidator(token).compute_signature(signed, dict(fields))
        TwilioWebhook(settings).verify(request(configured, fields, proof))
    proof = RequestValidator(token).compute_signature("https://other.example/a", dict(fields))
    with pytest.raises(Unverified):
        TwilioWebhook(settings).verify(request("https://h.example/a", fields, proof))


def test_a_newer_algorithm_in_the_header_is_refused_even_when_it_would_match(
    settings: SmsSettings, simulator: TwilioSimulator, webhook: TwilioWebhook
) -> None:
    raw = simulator.message("x", sender=CITIZEN)
    validator = RequestValidator(settings.auth_token[0].get_secret_value())
    sha256 = validator.compute_signature(raw.url, form(raw.body), "HMAC_SHA256")
    settings_header = {"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256"}
    for signature in (sha256, raw.headers["X-Twilio-Signature"]):
        headers = CIMultiDict({**raw.headers, **settings_header, "X-Twilio-Signature": signature})
        with pytest.raises(Unverified, match="algorithm"):
            webhook.verify(msgspec.structs.replace(raw, headers=headers))


def test_glued_fields_with_the_same_signature_are_no_message(settings: SmsSettings) -> None:
    honest = {
        "AccountSid": settings.account_sid,
        "Body": "hello",
        "From": CITIZEN,
        "MessageSid": "SM" + "1" * 32,
        "To": settings.number,
    }
    glued = {name: value for name, value in honest.items() if name not in ("Body", "From")}
    glued["Body"] = f"helloFrom{CITIZEN}"
    validator = RequestValidator(settings.auth_token[0].get_secret_value())
    url = "https://hotline.example/channels/sms/main"
    proof = validator.compute_signature(url, honest)
    assert validator.compute_signature(url, glued) == proof
    TwilioWebhook(settings).verify(request(url, list(honest.items()), proof))
    with pytest.raises(Unverified, match="fields are missing"):
        TwilioWebhook(settings).verify(request(url, list(glued.items()), proof))


def test_a_request_for_another_account_is_refused(settings: SmsSettings) -> None:
    other = settings.model_copy(update={"account_sid": "AC" + "f" * 32})
    raw = TwilioSimulator(other, "https://hotline.example").message("x", sender=CITIZEN)
    with pytest.raises(Unverified, match="another account"):
        TwilioWebhook(settings).verify(raw)


def test_old_and_new_token_are_accepted_while_the_token_is_being_changed() -> None:
    given = dict(CONFORMANCE.settings)
    both = SmsSettings.model_validate(given | {"auth_token": ["new-token", given["auth_token"]]})
    raw = TwilioSimulator(SETTINGS, "https://hotline.example").message("x", sender=CITIZEN)
    TwilioWebhook(both).verify(raw)
    TwilioWebhook(both).verify(
        TwilioSimulator(both, "https://hotline.example").message("x", sender=CITIZEN)
    )


@given(st.text(max_size=60))
def test_no_other_signature_is_accepted(signature: str) -> None:
    raw = TwilioSimulator(SETTINGS, "https://hotline.example").message("x", sender=CITIZEN)
    if signature != raw.headers["X-Twilio-Signature"]:
        headers = CIMultiDict(raw.headers)
        headers["X-Twilio-Signature"] = signature
        with pytest.raises(Unverified):
            TwilioWebhook(SETTINGS).verify(msgspec.structs.replace(raw, headers=headers))


@given(st.binary(max_size=400))
def test_any_signed_bytes_end_in_the_contract_s_errors(body: bytes) -> None:
    simulator = TwilioSimulator(SETTINGS, "https://hotline.example")
    raw = simulator.signed(
        msgspec.structs.replace(simulator.message("x", sender=CITIZEN), body=body)
    )
    webhook = TwilioWebhook(SETTINGS)
    with pytest.raises(Unverified):  # a form with the fields of a message does not come by chance
        webhook.verify(raw)
    with contextlib.suppress(Malformed):
        webhook.parse(raw)
