"""Twilio's side of the line: requests signed by Twilio's own code, and a stand-in for its API."""

from collections.abc import Mapping
from secrets import token_hex

from channels.sms.config import SmsSettings
from gateway.channel import RawRequest
from gateway.channel.twilio_simulation import TwilioPost
from gateway.config import ChannelSettings, ConfigError


class TwilioSimulator(TwilioPost):
    """Makes the requests Twilio would make for one account."""

    def __init__(self, settings: SmsSettings, public_url: str) -> None:
        self._settings = settings
        mount = f"{public_url}/channels/sms/{settings.account}"
        super().__init__(mount, settings.auth_token[0].get_secret_value())

    def message(
        self,
        text: str,
        *,
        sender: str,
        message_id: str | None = None,
        to: str | None = None,
        media: Mapping[str, str] | None = None,
    ) -> RawRequest:
        """Return a message; the same ``message_id`` makes a redelivery.

        ``media`` maps addresses to media types and makes it an MMS; ``to`` is another number of
        ours.
        """
        media = media or {}
        sid = message_id or ("MM" if media else "SM") + token_hex(16)
        fields = {
            "ToCountry": "US",
            "SmsMessageSid": sid,
            "NumMedia": str(len(media)),
            "SmsSid": sid,
            "FromState": "",
            "SmsStatus": "received",
            "FromCity": "",
            "Body": text,
            "FromCountry": "CN",
            "To": to or self._settings.number,
            "NumSegments": "1",
            "MessageSid": sid,
            "AccountSid": self._settings.account_sid,
            "From": sender,
            "ApiVersion": "2010-04-01",
        }
        for place, (url, media_type) in enumerate(media.items()):
            fields |= {f"MediaUrl{place}": url, f"MediaContentType{place}": media_type}
        return self.request("", fields)

    def image(self, text: str, *, sender: str, message_id: str | None = None) -> RawRequest:
        """Return an MMS with one photograph, which :class:`channels.sms.twin.Twin` serves."""
        sid = message_id or "MM" + token_hex(16)
        url = (
            f"https://api.twilio.com/2010-04-01/Accounts/{self._settings.account_sid}"
            f"/Messages/{sid}/Media/ME{sid[2:]}"
        )
        return self.message(text, sender=sender, message_id=sid, media={url: "image/png"})

    def status(
        self, sent_id: str, status: str, *, recipient: str, error_code: str | None = None
    ) -> RawRequest:
        """Return the news that a message of ours (its sid) has reached a status."""
        fields = {
            "ApiVersion": "2010-04-01",
            "AccountSid": self._settings.account_sid,
            "From": self._settings.number,
            "MessageSid": sent_id,
            "MessageStatus": status,
            "SmsSid": sent_id,
            "SmsStatus": status,
            "To": recipient,
        }
        if error_code:
            fields["ErrorCode"] = error_code
        return self.request("/status", fields)


def simulator(settings: ChannelSettings, public_url: str) -> TwilioSimulator:
    """Return the simulator of one account; ``public_url`` is the site's."""
    if not isinstance(settings, SmsSettings):
        raise ConfigError(f"account {settings.account!r} has no SMS settings", "set kind: sms")
    return TwilioSimulator(settings, public_url)
