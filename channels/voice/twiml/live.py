"""Changes a call that is under way, over the provider's REST interface.

Source: https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource. A call that
cannot be changed goes on as it was: whoever asked has another way.
"""

from urllib.parse import urlencode

from channels.voice.twiml.api import Api
from gateway.channel import HttpClient
from gateway.channel.http import EgressError, Limits
from gateway.channel.ports import Log

# The provider waits for our own answer meanwhile.
_LIMITS = Limits(connect_s=2.0, total_s=5.0)


class LiveCalls:
    """The calls of one account, as far as they can be changed from outside."""

    def __init__(self, api: Api, http: HttpClient, log: Log) -> None:
        self._api = api
        self._http = http
        self._log = log

    async def redirect(self, call_id: str, url: str) -> bool:
        """Let the provider ask ``url`` what to do with a call; False when it would not."""
        call = self._api.update(call_id)
        if call is None:
            return False
        try:
            reply = await self._http.request(
                call.method,
                call.url,
                headers={**call.headers, "Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode({"Url": url, "Method": "POST"}).encode("ascii"),
                limits=_LIMITS,
                allow=call.allow,
            )
        except EgressError as error:
            self._log.warning("call_not_changed", call=call_id, why=str(error.kind))
            return False
        if not 200 <= reply.status < 300:
            self._log.warning("call_not_changed", call=call_id, status=reply.status)
            return False
        return True
