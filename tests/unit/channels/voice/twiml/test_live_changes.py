"""Changing a call under way, checked against Twilio's own description of that request."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest

import channels.voice
from channels.voice.config import VoiceSettings
from channels.voice.twiml.api import Api
from channels.voice.twiml.live import LiveCalls
from gateway.channel.http import EgressError, EgressErrorKind, EgressReply
from tests.contract.kit.fakes import FakeHttp, FakeLog

SPEC = json.loads(
    (Path(channels.voice.__file__).parent / "fixtures" / "update_call.schema.json").read_bytes()
)
GIVEN = {
    "kind": "voice",
    "account": "demo",
    "account_sid": "AC" + "0" * 32,
    "auth_token": "an-invented-auth-token",
}
CALL = "CA" + "1" * 32
URL = "https://hotline.example/channels/voice/demo/step?p=" + "x" * 900
OK = EgressReply(status=200, headers={}, body=b"{}", truncated=False, elapsed=0.1)


def live(http: FakeHttp, log: FakeLog | None = None, **changes: Any) -> LiveCalls:
    settings = VoiceSettings.model_validate({**GIVEN, **changes})
    return LiveCalls(Api(settings), http, log or FakeLog())


def assert_described(http: FakeHttp) -> dict[str, str]:
    """Hold the one request made against Twilio's description; return its form."""
    (called,) = http.calls
    assert called.method == SPEC["method"].upper()
    parts = urlsplit(called.url)
    assert f"{parts.scheme}://{parts.netloc}" == SPEC["server"]
    names = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", SPEC["path"].replace(".", r"\."))
    found = re.fullmatch(names, parts.path)
    assert found
    for parameter in SPEC["parameters"]:
        jsonschema.validate(found[parameter["name"]], parameter["schema"])
    assert called.headers["Content-Type"] == "application/x-www-form-urlencoded"
    form = dict(parse_qsl((called.body or b"").decode(), strict_parsing=True))
    jsonschema.validate(form, SPEC["form"])
    return form


async def test_a_call_is_sent_to_another_document() -> None:
    http = FakeHttp(answer=OK)
    assert await live(http).redirect(CALL, URL)
    assert assert_described(http) == {"Url": URL, "Method": "POST"}
    assert http.calls[0].headers["Authorization"].startswith("Basic ")


def test_the_description_refuses_fields_it_does_not_know() -> None:
    for form in ({"Url": "https://x.example", "Colour": "red"}, {"Status": "paused"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(form, SPEC["form"])


@pytest.mark.parametrize(
    "answer",
    [
        EgressReply(status=404, headers={}, body=b"", truncated=False, elapsed=0.1),
        EgressReply(status=500, headers={}, body=b"", truncated=False, elapsed=0.1),
        EgressError(EgressErrorKind.TIMEOUT, "too slow"),
    ],
)
async def test_a_call_that_cannot_be_changed_is_told_so_and_nothing_is_raised(
    answer: EgressReply | EgressError,
) -> None:
    http, log = FakeHttp(answer=answer), FakeLog()
    assert not await live(http, log).redirect(CALL, URL)
    assert any("call_not_changed" in line for line in log.lines)
    assert "an-invented-auth-token" not in "".join(log.lines)


async def test_each_provider_is_called_at_its_own_address_with_its_own_credentials() -> None:
    uuid = "0b1c2d3e-0000-4000-8000-000000000001"
    http = FakeHttp(answer=OK)
    await live(
        http,
        profile="signalwire",
        account_sid=uuid,
        signing_key="k",
        base_url="https://city.signalwire.com/api/laml",
    ).redirect(uuid, URL)
    await live(
        http,
        profile="telnyx",
        account_sid=uuid,
        public_key="Y3VyaW91cywgYnV0IHRoaXMgaXMgbm90IGEga2V5ISE=",
    ).redirect("v3:abc-DEF_123", URL)
    await live(http, profile="somleng", account_sid=uuid, base_url="https://pbx.example").redirect(
        uuid, URL
    )
    assert not await live(http, profile="kazoo", account_sid="0" * 32).redirect("x@y", URL)
    assert [one.url for one in http.calls] == [
        f"https://city.signalwire.com/api/laml/2010-04-01/Accounts/{uuid}/Calls/{uuid}.json",
        f"https://api.telnyx.com/v2/texml/Accounts/{uuid}/Calls/v3%3Aabc-DEF_123",
        f"https://pbx.example/2010-04-01/Accounts/{uuid}/Calls/{uuid}.json",
    ]
    assert http.calls[1].headers["Authorization"] == "Bearer an-invented-auth-token"
