"""Twilio's own client over the gateway's guarded HTTP port instead of a session of its own.

Imported on first use: the library's REST part takes a third of a second to load.
"""

import logging
from collections.abc import Mapping
from urllib.parse import urlencode

from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from channels.sms.twilio.api import TwilioApi
from gateway.channel import HttpClient
from gateway.channel.http import EgressReply


class Carrier(AsyncHttpClient):  # type: ignore[misc]
    """Carries one request and keeps the answer, whose headers the library drops on an error."""

    def __init__(self, api: TwilioApi, http: HttpClient) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._api = api
        self._http = http
        self.reply: EgressReply | None = None

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Call Twilio once; raises ``EgressError`` when no answer came."""
        url = self._api.url(uri) + (f"?{urlencode(params, doseq=True)}" if params else "")
        self.reply = await self._http.request(
            method,
            url,
            headers={**(headers or {}), "Authorization": self._api.authorization()},
            body=urlencode(data, doseq=True).encode("ascii") if data else None,
            allow=self._api.allow,
        )
        text = self.reply.body.decode("utf-8", "replace")
        return Response(self.reply.status, text, dict(self.reply.headers))


def client(api: TwilioApi, carrier: Carrier) -> Client:
    """Return Twilio's client; nothing in the environment (region, edge) redirects it."""
    # An empty mapping would make the library read os.environ.
    return Client(api.account_sid, api.token, http_client=carrier, environment={"TWILIO_EDGE": ""})
