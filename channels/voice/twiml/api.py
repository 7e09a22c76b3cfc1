"""Where the provider's REST API is, who we are there, and how a recording is asked for."""

from base64 import b64encode
from urllib.parse import urlsplit

from channels.voice.config import VoiceSettings
from channels.voice.twiml.profile import PROFILES
from gateway.channel import HttpCall, HttpClient, Malformed
from gateway.channel.http import CONFIGURED, EgressError, IPNetwork
from gateway.domain.intake import MediaRef


class Api:
    """Addresses and credentials of one account; ``base_url`` replaces the provider's origin."""

    def __init__(self, settings: VoiceSettings) -> None:
        self._account_sid = settings.account_sid
        self._token = settings.auth_token[0].get_secret_value()
        self._documented = PROFILES[settings.profile].api
        self._origin = (settings.base_url or self._documented).rstrip("/")
        self._allow: tuple[IPNetwork, ...] = CONFIGURED if settings.base_url else ()

    def knows(self, url: str) -> bool:
        """Tell whether ``url`` is one of the provider's own: our credentials may go there."""
        parts, ours = urlsplit(url), urlsplit(self._documented)
        return (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc)

    def call(self, url: str) -> HttpCall:
        """Return the call to one of the provider's own addresses."""
        pair = f"{self._account_sid}:{self._token}".encode()
        return HttpCall(
            url=self._origin + url.removeprefix(self._documented),
            headers={"Authorization": "Basic " + b64encode(pair).decode("ascii")},
            allow=self._allow,
        )

    def request_for(self, ref: MediaRef) -> HttpCall:
        """Return the call that fetches a recording; raises ``Malformed`` for a foreign address."""
        if not ref.url or not self.knows(ref.url):
            raise Malformed("a recording that is not at the provider")
        return self.call(ref.url)


class Health:
    """The account's ``Lifecycle``: nothing is held open between calls."""

    def __init__(self, settings: VoiceSettings, http: HttpClient) -> None:
        self._api = Api(settings)
        self._url = (
            f"{PROFILES[settings.profile].api}/2010-04-01/Accounts/{settings.account_sid}.json"
        )
        self._http = http

    async def connect(self) -> None:
        """Nothing to do: calls come to us."""

    async def close(self) -> None:
        """Nothing is held open: each call ends with its socket."""

    async def probe(self) -> str | None:
        """Ask the provider for our account; None when it knows us."""
        call = self._api.call(self._url)
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
