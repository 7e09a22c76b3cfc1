"""Where Twilio's REST API is, and who we are there."""

from base64 import b64encode

from channels.sms.config import SmsSettings
from gateway.channel.http import CONFIGURED, IPNetwork

ORIGIN = "https://api.twilio.com"


class TwilioApi:
    """Addresses and credentials of one account; ``base_url`` stands in for Twilio's own origin."""

    def __init__(self, settings: SmsSettings) -> None:
        self.account_sid = settings.account_sid
        self.token = settings.auth_token[0].get_secret_value()
        self.allow: tuple[IPNetwork, ...] = CONFIGURED if settings.base_url else ()
        self._origin = (settings.base_url or ORIGIN).rstrip("/")

    def url(self, documented: str) -> str:
        """Return where an address below Twilio's origin is really called."""
        if documented.startswith(f"{ORIGIN}/"):
            return self._origin + documented.removeprefix(ORIGIN)
        return documented

    def authorization(self) -> str:
        """Return the value of the Authorization header."""
        pair = f"{self.account_sid}:{self.token}".encode()
        return "Basic " + b64encode(pair).decode("ascii")
