"""One SMS out: what Twilio is asked, and what its stand-in makes of it."""

import json
import warnings
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

import channels.sms
from channels.sms.config import SmsSettings
from channels.sms.conformance import CONFORMANCE
from channels.sms.twilio.media import TwilioMedia
from channels.sms.twilio.rest import TwilioSender
from channels.sms.twin import PNG, Failure, Twin
from gateway.channel import Malformed, Part, SendError, SendFailure
from gateway.channel.http import DEFAULT_LIMITS, EgressReply, IPNetwork, Limits
from gateway.domain.intake import MediaRef

CITIZEN = "+8613800138000"
STATUS_URL = "https://hotline.example/channels/sms/main/status"
FIXTURES = Path(channels.sms.__file__).parent / "fixtures"


class Http:
    """The HTTP port over aiohttp, to loopback only; remembers what was sent."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.forms: list[dict[str, str]] = []
        self.urls: list[str] = []

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limits: Limits = DEFAULT_LIMITS,
        allow: tuple[IPNetwork, ...] = (),
    ) -> EgressReply:
        assert url.startswith("http://127.0.0.1")
        self.urls.append(url)
        self.forms.append(dict(parse_qsl((body or b"").decode(), strict_parsing=bool(body))))
        async with self._session.request(method, url, headers=headers, data=body) as reply:
            names = {name.lower(): value for name, value in reply.headers.items()}
            return EgressReply(
                status=reply.status,
                headers=names,
                body=await reply.read(),
                truncated=False,
                elapsed=0.0,
            )


def part(text: str = "已受理 €", contact: str = f"tel:{CITIZEN}", entry: str = "12319") -> Part:
    return Part(reply_id="r", number=1, of=1, contact=contact, entry=entry, text=text)


@pytest.fixture
def twin() -> Twin:
    given = CONFORMANCE.settings
    return Twin(str(given["account_sid"]), str(given["auth_token"]))


@pytest.fixture
async def server(twin: Twin) -> AsyncIterator[TestServer]:
    running = TestServer(twin.app)
    async with running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with aiohttp.ClientSession() as session:
        yield Http(session)


def account(server: TestServer, **changed: object) -> SmsSettings:
    base_url = str(server.make_url("")).rstrip("/")
    return SmsSettings.model_validate({**CONFORMANCE.settings, "base_url": base_url, **changed})


async def test_a_reply_reaches_the_citizen_with_its_receipts_address(
    twin: Twin, server: TestServer, http: Http
) -> None:
    sender = TwilioSender(account(server), status_url=STATUS_URL, http=http)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        sent = await sender.send(part(), http)
    assert not warned
    (message,) = twin.messages
    assert message.sid == sent.sent_id
    assert (message.to, message.sender, message.text) == (CITIZEN, "+15005550006", "已受理 €")
    assert message.status_callback == STATUS_URL


async def test_the_answer_comes_from_the_number_the_citizen_wrote_to(
    twin: Twin, server: TestServer, http: Http
) -> None:
    sender = TwilioSender(account(server), status_url=STATUS_URL, http=http)
    await sender.send(part(entry="+15005550007"), http)
    assert twin.messages[0].sender == "+15005550007"


async def test_every_field_sent_is_one_that_twilio_describes(
    server: TestServer, http: Http
) -> None:
    sender = TwilioSender(account(server), status_url=STATUS_URL, http=http)
    await sender.send(part(), http)
    described = json.loads((FIXTURES / "create_message.schema.json").read_bytes())["properties"]
    assert set(http.forms[0]) == {"To", "From", "Body", "StatusCallback"}
    assert set(http.forms[0]) <= set(described)


async def test_the_stand_in_refuses_a_field_that_twilio_does_not_know(
    twin: Twin, server: TestServer
) -> None:
    given = CONFORMANCE.settings
    url = server.make_url(f"/2010-04-01/Accounts/{given['account_sid']}/Messages.json")
    auth = aiohttp.encode_basic_auth(str(given["account_sid"]), str(given["auth_token"]))
    form = {"To": CITIZEN, "From": "+15005550006", "Body": "x"}
    async with aiohttp.ClientSession(headers={"Authorization": auth}) as session:
        async with session.post(url, data=form) as reply:
            assert reply.status == 201
        async with session.post(url, data={**form, "StatusCalback": STATUS_URL}) as reply:
            assert reply.status == 400
    assert len(twin.messages) == 1


@pytest.mark.parametrize(
    ("failure", "kind", "retry_after"),
    [
        (Failure(status=429, code=20429, retry_after=7), SendFailure.THROTTLED, 7.0),
        (Failure(status=400, code=21610), SendFailure.STOPPED, None),
        (Failure(status=400, code=21614), SendFailure.INVALID, None),
        (Failure(status=503, code=20503), SendFailure.UNKNOWN, None),
    ],
)
async def test_a_refusal_has_its_name_and_twilio_s_code(
    twin: Twin,
    server: TestServer,
    http: Http,
    failure: Failure,
    kind: SendFailure,
    retry_after: float | None,
) -> None:
    twin.failures.append(failure)
    sender = TwilioSender(account(server), status_url=STATUS_URL, http=http)
    with pytest.raises(SendError) as refused:
        await sender.send(part(), http)
    assert (refused.value.kind, refused.value.retry_after) == (kind, retry_after)
    assert refused.value.code == str(failure.code)
    assert refused.value.__context__ is None
    assert twin.messages == []


async def test_a_contact_without_a_number_is_never_called(http: Http, server: TestServer) -> None:
    sender = TwilioSender(account(server), status_url=STATUS_URL, http=http)
    with pytest.raises(SendError) as refused:
        await sender.send(part(contact="sms:10086"), http)
    assert refused.value.kind is SendFailure.INVALID
    assert http.urls == []


async def test_the_environment_does_not_move_the_api(
    monkeypatch: pytest.MonkeyPatch, twin: Twin, server: TestServer, http: Http
) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    sender = TwilioSender(account(server), status_url=STATUS_URL, http=http)
    await sender.send(part(), http)
    assert len(twin.messages) == 1


async def test_the_probe_knows_good_from_bad_credentials(server: TestServer, http: Http) -> None:
    good = TwilioSender(account(server), status_url=STATUS_URL, http=http)
    assert await good.probe() is None
    bad = TwilioSender(account(server, auth_token="wrong"), status_url=STATUS_URL, http=http)
    assert "credentials" in str(await bad.probe())


async def test_a_picture_is_fetched_with_our_credentials(server: TestServer, http: Http) -> None:
    settings = account(server)
    url = (
        f"https://api.twilio.com/2010-04-01/Accounts/{settings.account_sid}/Messages/MM1/Media/ME1"
    )
    call = TwilioMedia(settings).request_for(picture(url))
    assert call.allow
    reply = await http.request(call.method, call.url, headers=call.headers)
    assert (reply.status, reply.body) == (200, PNG)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/2010-04-01/Accounts",
        "https://api.twilio.com.evil.example/x",
        "https://eviltwilio.com/x",
        "https://api.twilio.com@evil.example/x",
    ],
)
def test_credentials_go_to_twilio_only(settings: SmsSettings, url: str) -> None:
    assert TwilioMedia(settings).request_for(picture(url)).headers == {}


@pytest.mark.parametrize("url", ["http://api.twilio.com/x", "file:///etc/passwd", "", "https://"])
def test_a_picture_without_an_https_address_is_not_fetched(settings: SmsSettings, url: str) -> None:
    with pytest.raises(Malformed):
        TwilioMedia(settings).request_for(picture(url))


def test_a_redirect_may_lead_to_twilio_s_file_stores_only(settings: SmsSettings) -> None:
    call = TwilioMedia(settings).request_for(picture("https://api.twilio.com/x"))
    assert call.hops == ("mms.twiliocdn.com", "s3-external-1.amazonaws.com")
    assert call.allow == ()


def picture(url: str) -> MediaRef:
    return MediaRef(id="m", kind="image", media_type="image/png", url=url)
