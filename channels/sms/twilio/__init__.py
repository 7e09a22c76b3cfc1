"""Twilio carries our SMS and MMS: signed form posts in, one REST call out."""

from channels.sms.config import SmsSettings
from channels.sms.outbound import SEGMENTS_PER_MESSAGE
from channels.sms.twilio.media import TwilioMedia
from channels.sms.twilio.rest import TwilioSender
from channels.sms.twilio.webhook import TwilioWebhook
from gateway.channel import Account, ChannelSpec, Ports, Route
from gateway.config import ChannelSettings, ConfigError

STATUS_PATH = "/status"


def build(settings: ChannelSettings, ports: Ports) -> Account:
    """Return an account that answers on its mount (messages) and on ``/status`` (receipts)."""
    if not isinstance(settings, SmsSettings):
        raise ConfigError(
            f"account {settings.account!r} has no SMS settings", "set kind: sms and its settings"
        )
    mount = f"{ports.site.public_url}/channels/sms/{settings.account}"
    webhook = TwilioWebhook(settings)
    sender = TwilioSender(settings, status_url=mount + STATUS_PATH, http=ports.http)
    return Account(
        spec=ChannelSpec(
            kind="sms",
            account=settings.account,
            # 1600 characters and ten media addresses, percent-encoded, take under 32 KiB.
            body_limit=128 * 1024,
            # The longest Twilio waits (docs: usage/webhooks/webhooks-connection-overrides).
            ack_deadline_s=15.0,
            acknowledges=True,
            text_limit=SEGMENTS_PER_MESSAGE,
        ),
        routes=tuple(
            Route(method="POST", path=path, handler=webhook) for path in ("", STATUS_PATH)
        ),
        sender=sender,
        media=TwilioMedia(settings),
        lifecycle=sender,
    )
