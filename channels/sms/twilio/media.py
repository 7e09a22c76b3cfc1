"""How to ask Twilio for a picture: our credentials go to Twilio's own hosts and nowhere else."""

from urllib.parse import urlsplit

from channels.sms.config import SmsSettings
from channels.sms.twilio.api import TwilioApi
from gateway.channel import HttpCall, Malformed
from gateway.domain.intake import MediaRef

# https://help.twilio.com/articles/223183748: with and without HTTP Auth on media URLs.
_STORES = ("mms.twiliocdn.com", "s3-external-1.amazonaws.com")


class TwilioMedia:
    """Turns the address of a medium into the call that fetches it."""

    def __init__(self, settings: SmsSettings) -> None:
        self._api = TwilioApi(settings)

    def request_for(self, ref: MediaRef) -> HttpCall:
        """Return the call; raises ``Malformed`` for what is no https address."""
        parts = urlsplit(ref.url or "")
        if parts.scheme != "https" or not parts.hostname:
            raise Malformed("a medium without an https address")
        if parts.hostname != "api.twilio.com" and not parts.hostname.endswith(".twilio.com"):
            return HttpCall(url=parts.geturl())
        return HttpCall(
            url=self._api.url(parts.geturl()),
            headers={"Authorization": self._api.authorization()},
            hops=_STORES,
            allow=self._api.allow,
        )
