"""One SMS account, the provider that signs for it, and the webhook under test."""

import pytest

from channels.sms.config import SmsSettings
from channels.sms.conformance import CONFORMANCE
from channels.sms.simulator import TwilioSimulator
from channels.sms.twilio.webhook import TwilioWebhook

PUBLIC_URL = "https://hotline.example"


@pytest.fixture
def settings() -> SmsSettings:
    return SmsSettings.model_validate(dict(CONFORMANCE.settings))


@pytest.fixture
def simulator(settings: SmsSettings) -> TwilioSimulator:
    return TwilioSimulator(settings, PUBLIC_URL)


@pytest.fixture
def webhook(settings: SmsSettings) -> TwilioWebhook:
    return TwilioWebhook(settings)
