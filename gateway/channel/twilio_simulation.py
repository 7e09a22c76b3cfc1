"""Twilio's side of a webhook, for simulators: forms signed by Twilio's own code."""

from collections.abc import Mapping
from urllib.parse import urlencode

from msgspec.structs import replace
from multidict import CIMultiDict
from twilio.request_validator import SIGNATURE_HEADER, RequestValidator

from gateway.channel.form import form
from gateway.channel.wire import RawRequest

FORM = "application/x-www-form-urlencoded; charset=UTF-8"


class TwilioPost:
    """Posts to one account's webhooks as Twilio would; ``mount`` is their common public address."""

    def __init__(self, mount: str, auth_token: str) -> None:
        self._mount = mount
        self._validator = RequestValidator(auth_token)

    def request(self, path: str, fields: Mapping[str, str], *, query: str = "") -> RawRequest:
        """Return any form, signed."""
        return self.signed(
            RawRequest(
                method="POST",
                url=self._mount + path,
                path=path,
                headers=CIMultiDict(),
                body=urlencode(fields).encode("ascii"),
                query=query,
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
        return replace(raw, url=url, headers=headers, content_type=FORM)
