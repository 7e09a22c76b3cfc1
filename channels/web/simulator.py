"""Fills in the form and calls the intake API as browsers and programs do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from urllib.parse import urlencode

import msgspec
from multidict import CIMultiDict

from channels.web.body import JSON, URLENCODED
from channels.web.config import WebSettings
from channels.web.inbound import FORM_ID
from channels.web.problems import FILES
from gateway.channel import RawRequest
from gateway.config import ChannelSettings, ConfigError

# One white pixel.
PHOTO = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8ffffff7f0009fb03fd2ae8d1bc0000000049454e44ae426082"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file to attach."""

    name: str
    media_type: str
    content: bytes


class WebSimulator:
    """A citizen with a browser and a program with a key, for one account."""

    def __init__(self, settings: WebSettings, public_url: str) -> None:
        self._settings = settings
        self._public_url = public_url

    def message(self, text: str, *, sender: str, message_id: str | None = None) -> RawRequest:
        """Return a request to the intake API; ``sender`` is a telephone number or an address.

        The same ``message_id`` (the idempotency key) makes a repeated request.
        """
        return self.api({"content": text, **_address(sender)}, key=message_id)

    def image(self, text: str, *, sender: str, message_id: str | None = None) -> RawRequest:
        """Return a request to the intake API with one photograph."""
        photo = SentFile(name="IMG_0001.PNG", media_type="image/png", content=PHOTO)
        return self.api({"content": text, **_address(sender)}, key=message_id, files=[photo])

    def filled_in(self, text: str, *, sender: str) -> RawRequest:
        """Return the form as a browser sends it, with one photograph."""
        photo = SentFile(name="IMG_0002.PNG", media_type="image/png", content=PHOTO)
        return self.form({"content": text, **_address(sender)}, files=[photo])

    def api(
        self,
        fields: Mapping[str, object],
        *,
        key: str | None = None,
        files: Sequence[SentFile] = (),
    ) -> RawRequest:
        """Return any request to the intake API: JSON, or multipart when there are files."""
        if files:
            texts = {name: str(value) for name, value in fields.items()}
            body, content_type = encode_multipart(texts, files)
        else:
            body, content_type = msgspec.json.encode(fields), JSON
        headers = CIMultiDict({"Idempotency-Key": key or token_hex(16)})
        return self.signed(self._request("/api/v1/intake", body, content_type, headers))

    def form(
        self,
        fields: Mapping[str, str],
        *,
        form_id: str | None = None,
        files: Sequence[SentFile] = (),
        language: str = "zh-CN",
    ) -> RawRequest:
        """Return the form as a browser sends it; the same ``form_id`` makes a double click."""
        filled = {FORM_ID: form_id or token_hex(13), **fields}
        # A browser sends the file input even when nothing was chosen.
        chosen = files or [SentFile(name="", media_type="application/octet-stream", content=b"")]
        body, content_type = encode_multipart(filled, chosen)
        return self._request("/report", body, content_type, CIMultiDict(), f"lang={language}")

    def look_up(self, receipt_no: str, query_code: str, *, language: str = "zh-CN") -> RawRequest:
        """Return a status question."""
        body = urlencode({"receipt_no": receipt_no, "query_code": query_code}).encode("ascii")
        return self._request("/report/status", body, URLENCODED, CIMultiDict(), f"lang={language}")

    def signed(self, raw: RawRequest) -> RawRequest:
        """Return ``raw`` with the account's first key, when it has keys."""
        headers = CIMultiDict(raw.headers)
        if self._settings.intake_keys:
            key = self._settings.intake_keys[0].get_secret_value()
            headers["Authorization"] = f"Bearer {key}"
        return RawRequest(
            method=raw.method,
            url=raw.url,
            path=raw.path,
            headers=headers,
            body=raw.body,
            query=raw.query,
            content_type=raw.content_type,
        )

    def _request(
        self, path: str, body: bytes, content_type: str, headers: CIMultiDict[str], query: str = ""
    ) -> RawRequest:
        headers["Content-Type"] = content_type
        return RawRequest(
            method="POST",
            url=self._public_url + path + (f"?{query}" if query else ""),
            path=path,
            headers=headers,
            body=body,
            query=query,
            content_type=content_type,
        )


def simulator(settings: ChannelSettings, public_url: str) -> WebSimulator:
    """Return the simulator of one account; ``public_url`` is the site's."""
    if not isinstance(settings, WebSettings):
        raise ConfigError(f"account {settings.account!r} has no web settings", "set kind: web")
    return WebSimulator(settings, public_url)


def encode_multipart(fields: Mapping[str, str], files: Sequence[SentFile]) -> tuple[bytes, str]:
    """Return a ``multipart/form-data`` body as browsers write it, and its content type."""
    boundary = "----HotlineFormBoundary" + token_hex(8)
    parts = [
        f'Content-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts += [
        f'Content-Disposition: form-data; name="{FILES}"; filename="{_quoted(file.name)}"\r\n'
        f"Content-Type: {file.media_type}\r\n\r\n".encode()
        + file.content
        + b"\r\n"
        for file in files
    ]
    start = f"--{boundary}\r\n".encode("ascii")
    body = b"".join(start + part for part in parts) + f"--{boundary}--\r\n".encode("ascii")
    return body, f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _address(sender: str) -> dict[str, str]:
    return {"email" if "@" in sender else "phone": sender}
