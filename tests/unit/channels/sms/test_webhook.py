"""What a Twilio form means."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.sms.config import SmsSettings
from channels.sms.conformance import CONFORMANCE
from channels.sms.inbound import contact_of, is_citizen, opt_word
from channels.sms.simulator import TwilioSimulator
from channels.sms.twilio.webhook import TwilioWebhook
from gateway.channel import Malformed
from gateway.domain.contact import BadContact
from gateway.domain.intake import ContactChange, InboundMessage, Receipt

CITIZEN = "+8613800138000"
SETTINGS = SmsSettings.model_validate(dict(CONFORMANCE.settings))
SIMULATOR = TwilioSimulator(SETTINGS, "https://hotline.example")
WEBHOOK = TwilioWebhook(SETTINGS)
SID = "SM" + "1" * 32


def parsed(**fields: str) -> Any:
    message = {
        "MessageSid": SID,
        "AccountSid": SETTINGS.account_sid,
        "From": CITIZEN,
        "To": SETTINGS.number,
        "Body": "路灯不亮",
        "NumMedia": "0",
    }
    raw = SIMULATOR.request("", {**message, **fields})
    WEBHOOK.verify(raw)
    (event,) = WEBHOOK.parse(raw)
    return event


def test_a_text_names_the_citizen_and_the_number_they_wrote_to() -> None:
    event = parsed(To="12319")
    assert isinstance(event, InboundMessage)
    assert (event.contact, event.entry, event.dedupe_key) == (f"tel:{CITIZEN}", "12319", SID)
    assert event.reporter
    assert (event.reporter.phone, event.reporter.verified_by) == (CITIZEN, "caller_id")
    assert event.occurred_at is None


@pytest.mark.parametrize("word", ["STOP", "stop", " Stop. ", "退订", "TD", "td退订", "t", "Quit！"])
def test_a_stop_word_closes_the_way_back(word: str) -> None:
    event = parsed(Body=word)
    assert isinstance(event, ContactChange)
    assert event.change == "stopped"


@pytest.mark.parametrize(
    "text",
    ["stop the noise", "STOP PLEASE", "怎么退订", "YES", "HELP", "end of the road", "TDS", ""],
)
def test_a_sentence_with_a_stop_word_is_a_message(text: str) -> None:
    assert isinstance(parsed(Body=text), InboundMessage)


@given(st.text())
def test_any_text_is_read_for_stop_words_without_failing(text: str) -> None:
    assert opt_word(text) in (None, "stopped", "resumed")


@pytest.mark.parametrize("count", ["x", "-1", "1.5", "１", "1000", "1e3"])
def test_a_strange_media_count_is_malformed(count: str) -> None:
    with pytest.raises(Malformed):
        parsed(NumMedia=count)


def test_a_claimed_picture_without_an_address_loses_nothing_else() -> None:
    event = parsed(
        NumMedia="3", MediaUrl1="https://api.twilio.com/m", MediaContentType1="image/png"
    )
    assert [(ref.kind, ref.id) for ref in event.media] == [("image", f"{SID}-1")]


@pytest.mark.parametrize(
    ("field", "value"),
    [("MessageSid", "SM1"), ("MessageSid", SID + "\n"), ("To", "x\x00"), ("From", "a\x01b")],
)
def test_a_signed_form_with_a_senseless_field_is_malformed(field: str, value: str) -> None:
    with pytest.raises(Malformed):
        parsed(**{field: value})


def test_a_form_without_body_is_malformed() -> None:
    fields = {
        "MessageSid": SID,
        "AccountSid": SETTINGS.account_sid,
        "From": CITIZEN,
        "To": SETTINGS.number,
    }
    with pytest.raises(Malformed):
        WEBHOOK.parse(SIMULATOR.request("", fields))


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        ("accepted", "queued"),
        ("queued", "queued"),
        ("sending", "queued"),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("read", "read"),
        ("undelivered", "failed"),
        ("failed", "failed"),
        ("canceled", "failed"),
    ],
)
def test_a_status_is_told_in_the_words_of_the_draft(status: str, delivery: str) -> None:
    raw = SIMULATOR.status(SID, status, recipient=CITIZEN, error_code="30003")
    WEBHOOK.verify(raw)
    (event,) = WEBHOOK.parse(raw)
    assert isinstance(event, Receipt)
    assert (event.sent_id, event.delivery, event.error_code) == (SID, delivery, "30003")
    assert event.dedupe_key == f"{SID}:{status}"


@pytest.mark.parametrize(
    ("address", "contact", "citizen"),
    [
        ("+8613800138000", "tel:+8613800138000", True),
        ("10086", "sms:10086", False),
        ("CityBank", "sms:CityBank", False),
        ("+1", "sms:+1", False),
        ("whatsapp:+8613800138000", "whatsapp:+8613800138000", True),
        ("rcs:agent_1", "rcs:agent_1", True),
    ],
)
def test_an_address_becomes_a_contact(address: str, contact: str, citizen: bool) -> None:
    assert contact_of(address) == contact
    assert is_citizen(contact) is citizen


@given(st.text(max_size=300))
def test_any_address_becomes_a_contact_or_is_refused(address: str) -> None:
    try:
        contact = contact_of(address)
    except BadContact:
        return
    assert contact.partition(":")[2]
