"""Twilio's side of the line: requests signed by Twilio's own code, and a stand-in for its API."""

from collections.abc import Mapping
from secrets import token_hex
from urllib.parse import urlencode

from multidict import CIMultiDict
from twilio.request_validator import SIGNATURE_HEADER, RequestValidator

from channels.sms.config import SmsSettings
from gateway.channel import RawRequest
from gateway.channel.twilio_signature import form
from gateway.config import ChannelSettings, ConfigError

FORM = "application/x-www-form-urlencoded; charset=UTF-8"


class TwilioSimulator:
    """Makes the requests Twilio would make for one account."""

    def __init__(self, settings: SmsSettings, public_url: str) -> None:
        self._settings = settings
        self._mount = f"{public_url}/channels/sms/{settings.account}"
        self._validator = RequestValidator(settings.auth_token[0].get_secret_value())

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

    def request(self, path: str, fields: Mapping[str, str]) -> RawRequest:
        """Return any form, signed."""
        return self.signed(
            RawRequest(
                method="POST",
                url=self._mount + path,
                path=path,
                headers=CIMultiDict(),
                body=urlencode(fields).encode("ascii"),
                content_type=FORM,
            )
        )

    def signed(self, raw: RawRequest) -> RawRequest:
        """Return ``raw`` with the signature Twilio would give its body."""
        url = self._mount + raw.path + (f"?{raw.query}" if raw.query else "")
        try:
            fields = form(raw.body)
        except ValueError:
            fields = {}
        headers = CIMultiDict(raw.headers)
        headers["Content-Type"] = FORM
        headers["User-Agent"] = "TwilioProxy/1.1"
        headers[SIGNATURE_HEADER] = self._validator.compute_signature(url, fields)
        return RawRequest(
            method=raw.method,
            url=url,
            path=raw.path,
            headers=headers,
            body=raw.body,
            query=raw.query,
            content_type=FORM,
        )


def simulator(settings: ChannelSettings, public_url: str) -> TwilioSimulator:
    """Return the simulator of one account; ``public_url`` is the site's."""
    if not isinstance(settings, SmsSettings):
        raise ConfigError(f"account {settings.account!r} has no SMS settings", "set kind: sms")
    return TwilioSimulator(settings, public_url)
