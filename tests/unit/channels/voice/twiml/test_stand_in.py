"""In the provider's place: the account, recordings that were left there, changes of a call."""

from aiohttp import ClientSession, encode_basic_auth

from channels.voice import CHANNEL
from channels.voice.config import VoiceSettings

SETTINGS = VoiceSettings.model_validate(
    {
        "kind": "voice",
        "account": "demo",
        "account_sid": "AC" + "0" * 32,
        "auth_token": "an-invented-auth-token",
    }
)
ACCOUNT = f"/2010-04-01/Accounts/{SETTINGS.account_sid}"
OURS = {"Authorization": encode_basic_auth(SETTINGS.account_sid, "an-invented-auth-token")}


async def test_what_a_simulated_call_leaves_is_fetched_as_from_the_provider() -> None:
    assert CHANNEL.stand_in is not None
    stand_in = CHANNEL.stand_in(SETTINGS)
    async with stand_in.serving("127.0.0.1", 0) as url, ClientSession(headers=OURS) as web:
        recording = f"{url}{ACCOUNT}/Recordings/RE1.wav"
        async with web.get(recording) as missing:
            assert missing.status == 404
        async with web.put(recording, data=b"a recording") as kept:
            assert kept.status == 204
        async with web.get(recording) as found:
            assert await found.read() == b"a recording"
        for number in range(60):
            async with web.put(f"{url}{ACCOUNT}/Recordings/X{number}.wav", data=b"x"):
                pass
        async with web.get(recording) as forgotten:
            assert forgotten.status == 404, "it keeps a few only"
        async with web.post(f"{url}{ACCOUNT}/Calls/CA1.json", data={"Status": "completed"}) as done:
            assert done.status == 200
        async with web.get(f"{url}{ACCOUNT}.json") as account:
            assert (await account.json())["status"] == "active"


async def test_strangers_get_nothing() -> None:
    assert CHANNEL.stand_in is not None
    async with CHANNEL.stand_in(SETTINGS).serving("127.0.0.1", 0) as url, ClientSession() as web:
        for method, path in (
            ("GET", ".json"),
            ("PUT", "/Recordings/RE1.wav"),
            ("GET", "/Recordings/RE1.wav"),
            ("POST", "/Calls/CA1.json"),
        ):
            async with web.request(method, url + ACCOUNT + path) as refused:
                assert refused.status == 401
