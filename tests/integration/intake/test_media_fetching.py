"""One file is asked for with bounds, led on only where the provider's own houses are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from channels.sms.twin import PNG
from gateway.channel import HttpCall
from gateway.channel.http import (
    CONFIGURED,
    DEFAULT_LIMITS,
    EgressError,
    EgressErrorKind,
    EgressReply,
    IPNetwork,
    Limits,
)
from gateway.intake.fetching import Gone, NotNow, NotTaken, fetch

STORE = "mms.twiliocdn.com"
CALL = HttpCall(
    url="https://api.twilio.com/media/1",
    headers={"Authorization": "Basic c2VjcmV0"},
    hops=(STORE,),
    allow=CONFIGURED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it went out."""

    method: str
    url: str
    headers: Mapping[str, str]
    limits: Limits
    allow: tuple[IPNetwork, ...]


@dataclass
class Scripted:
    """Gives one answer after the other, the last one for ever."""

    answers: list[EgressReply | EgressError]
    asked: list[Asked] = field(default_factory=list)

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
        self.asked.append(
            Asked(method=method, url=url, headers=headers or {}, limits=limits, allow=allow)
        )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, EgressError):
            raise answer
        return answer


def reply(
    status: int = 200, body: bytes = PNG, *, location: str = "", retry_after: str = ""
) -> EgressReply:
    headers = {"location": location, "retry-after": retry_after}
    return EgressReply(status=status, headers=headers, body=body, truncated=False, elapsed=0.01)


def onward(path: str = "a") -> EgressReply:
    return reply(307, b"", location=f"https://{STORE}/{path}")


async def test_a_named_house_is_asked_without_credentials_and_without_the_private_way() -> None:
    http = Scripted([onward("signed?x=1"), reply()])
    fetched = await fetch(http, CALL, declared="image/png")
    assert fetched.content == PNG
    first, second = http.asked
    assert first.headers == CALL.headers
    assert first.allow == CONFIGURED
    assert (second.method, second.url) == ("GET", f"https://{STORE}/signed?x=1")
    assert second.headers == {}
    assert second.allow == ()


async def test_a_house_may_lead_on_within_itself() -> None:
    http = Scripted([onward(), reply(302, b"", location="/elsewhere"), reply()])
    await fetch(http, CALL, declared="image/png")
    urls = [one.url for one in http.asked[1:]]
    assert urls == [f"https://{STORE}/a", f"https://{STORE}/elsewhere"]


async def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    fetched = await fetch(Scripted([onward(), onward(), onward(), reply()]), CALL, declared="")
    assert fetched.content == PNG
    http = Scripted([onward()])
    with pytest.raises(NotTaken, match="too many redirects"):
        await fetch(http, CALL, declared="image/png")
    assert len(http.asked) == 4


async def test_without_named_houses_no_redirect_is_followed() -> None:
    http = Scripted([onward(), reply()])
    with pytest.raises(NotTaken, match="redirect not permitted"):
        await fetch(http, HttpCall(url=CALL.url), declared="image/png")
    assert len(http.asked) == 1


async def test_size_and_time_are_bounded_and_half_a_file_is_none() -> None:
    http = Scripted([reply()])
    await fetch(http, CALL, declared="image/png")
    limits = http.asked[0].limits
    assert limits.body_bytes == 25 * 1024 * 1024
    assert limits.refuse_larger
    assert limits.total_s <= 60


@pytest.mark.parametrize(
    "kind",
    [
        EgressErrorKind.DNS,
        EgressErrorKind.REFUSED,
        EgressErrorKind.RESET,
        EgressErrorKind.TIMEOUT,
        EgressErrorKind.TIMEOUT_CONNECT,
        EgressErrorKind.TLS,
    ],
)
async def test_what_may_pass_is_tried_again(kind: EgressErrorKind) -> None:
    with pytest.raises(NotNow):
        await fetch(Scripted([EgressError(kind, "no answer")]), CALL, declared="image/png")


async def test_an_answer_that_is_no_http_is_tried_again_and_an_unusable_address_is_not() -> None:
    garbage = EgressError(EgressErrorKind.PROTOCOL, "not HTTP", request_sent=True)
    with pytest.raises(NotNow):
        await fetch(Scripted([garbage]), CALL, declared="image/png")
    with pytest.raises(NotTaken, match="address not usable"):
        await fetch(
            Scripted([EgressError(EgressErrorKind.PROTOCOL, "no host")]), CALL, declared="image/png"
        )


@pytest.mark.parametrize("status", [401, 403, 408, 425, 429, 500, 502, 503, 504, 599])
async def test_a_status_that_may_pass_is_tried_again(status: int) -> None:
    with pytest.raises(NotNow) as failed:
        await fetch(Scripted([reply(status, retry_after="30")]), CALL, declared="image/png")
    assert failed.value.retry_after == 30.0


@pytest.mark.parametrize("given", ["", "-1", "1e9", "soon", "９", "9" * 10])
async def test_an_absurd_wait_is_not_believed(given: str) -> None:
    with pytest.raises(NotNow) as failed:
        await fetch(Scripted([reply(429, retry_after=given)]), CALL, declared="image/png")
    assert failed.value.retry_after is None


@pytest.mark.parametrize("status", [404, 410])
async def test_what_is_gone_is_gone(status: int) -> None:
    with pytest.raises(Gone):
        await fetch(Scripted([reply(status)]), CALL, declared="image/png")


async def test_errors_do_not_tell_the_address() -> None:
    with pytest.raises(NotTaken) as failed:
        await fetch(
            Scripted([reply(302, b"", location="https://evil.example/t0ken")]), CALL, declared=""
        )
    assert "evil" not in str(failed.value)
