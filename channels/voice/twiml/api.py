"""Where the provider's REST API is, who we are there, and how a recording is asked for."""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from channels.voice.config import VoiceSettings
from channels.voice.twiml.profile import PROFILES
from gateway.channel import HttpCall, HttpClient, Malformed
from gateway.channel.http import CONFIGURED, EgressError, IPNetwork
from gateway.domain.intake import MediaRef


class Api:
    """Addresses and credentials of one account; ``base_url`` replaces the provider's origin."""

    def __init__(self, settings: VoiceSettings) -> None:
        self._profile = PROFILES[settings.profile]
        self._account_sid = settings.account_sid
        self._token = settings.auth_token[0].get_secret_value()
        given = (settings.base_url or "").rstrip("/")
        self._documented = self._profile.api or given
        self._origin = given or self._documented
        self._allow: tuple[IPNetwork, ...] = CONFIGURED if given else ()

    def knows(self, url: str) -> bool:
        """Tell whether ``url`` is one of the provider's own: our credentials may go there."""
        try:
            place = _place(url)
        except ValueError:
            return False
        return bool(place[1]) and place in {_place(self._documented), _place(self._origin)}

    def takes(self, url: str) -> bool:
        """Tell whether a recording may be fetched from ``url`` at all."""
        return self.knows(url) or (
            self._profile.foreign_recordings and url.startswith("https://") and "@" not in url
        )

    def call(self, url: str) -> HttpCall:
        """Return the call to one of the provider's own addresses."""
        if url.startswith(self._documented):
            url = self._origin + url.removeprefix(self._documented)
        return HttpCall(url=url, headers=self._credentials(), allow=self._allow)

    def account(self) -> HttpCall | None:
        """Return the call that asks for our account, None where nothing answers it."""
        path = self._profile.account_path
        if path is None:
            return None
        return self.call(self._documented + path.format(account=self._account_sid))

    def update(self, call_id: str) -> HttpCall | None:
        """Return the call that changes a call under way, None where none can be."""
        path = self._profile.call_path
        if path is None:
            return None
        filled = path.format(account=self._account_sid, call=quote(call_id, safe=""))
        asked = self.call(self._documented + filled)
        return HttpCall(url=asked.url, method="POST", headers=asked.headers, allow=asked.allow)

    def request_for(self, ref: MediaRef) -> HttpCall:
        """Return the call that fetches a recording; raises ``Malformed`` for a foreign address."""
        if ref.url and self.knows(ref.url):
            return self.call(ref.url)
        if ref.url and self.takes(ref.url):
            return HttpCall(url=ref.url)
        raise Malformed("a recording that is not at the provider")

    def _credentials(self) -> Mapping[str, str]:
        if self._profile.bearer:
            return {"Authorization": f"Bearer {self._token}"}
        pair = f"{self._account_sid}:{self._token}".encode()
        return {"Authorization": "Basic " + b64encode(pair).decode("ascii")}


class Health:
    """The account's ``Lifecycle``: nothing is held open between calls."""

    def __init__(self, settings: VoiceSettings, http: HttpClient) -> None:
        self._api = Api(settings)
        self._http = http

    async def connect(self) -> None:
        """Nothing to do: calls come to us."""

    async def close(self) -> None:
        """Nothing is held open: each call ends with its socket."""

    async def probe(self) -> str | None:
        """Ask the provider for our account; None when it knows us, or cannot be asked."""
        call = self._api.account()
        if call is None:
            return None
        try:
            reply = await self._http.request(
                call.method, call.url, headers=call.headers, allow=call.allow
            )
        except EgressError as error:
            return f"the telephone provider cannot be reached ({error.kind}); check the network"
        if reply.status == 200:
            return None
        if reply.status in (401, 403, 404):
            return (
                "the telephone provider refuses our credentials; compare account_sid and "
                "auth_token with its console"
            )
        return f"the telephone provider answers with status {reply.status}; see its status page"


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
