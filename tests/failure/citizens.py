"""Citizens and portals that go on trying until they are told "ok", as providers do."""

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import aiohttp
from pydantic import SecretStr

from channels.sms.config import SmsSettings
from channels.sms.simulator import TwilioSimulator
from channels.sms.stand_in import TwilioStandIn
from gateway.channel import RawRequest
from tests.failure.record import Journal

PUBLIC_URL = "http://127.0.0.1:1"
ACCOUNT_SID = "AC00000000000000000000000000000000"
AUTH_TOKEN = "auth-0f3c9d2e7b5a"
TEXTER = "+861380000"
CALLER = "1390000"
COMPLAINTS = ("路灯坏了", "井盖坏了")
SMS = "/channels/sms/main"
FORM = "/api/v1/intake"


def sms_settings(base_url: str = "http://127.0.0.1:9") -> SmsSettings:
    """The account the harness's gateway has."""
    return SmsSettings(
        kind="sms",
        account="main",
        account_sid=ACCOUNT_SID,
        auth_token=(SecretStr(AUTH_TOKEN),),
        number="+15005550006",
        base_url=base_url,
    )


def carrier() -> TwilioStandIn:
    """The provider that takes the gateway's messages for citizens."""
    return TwilioStandIn(sms_settings())


def text_message(
    token: str, sender: str, *, photo: bool = False, words: str = COMPLAINTS[0]
) -> RawRequest:
    """A signed message; the same token makes the same message again."""
    simulator = TwilioSimulator(sms_settings(), PUBLIC_URL)
    text = f"{token} {words}"
    digest = hashlib.md5(token.encode(), usedforsecurity=False).hexdigest()
    if photo:
        return simulator.image(text, sender=sender, message_id="MM" + digest)
    return simulator.message(text, sender=sender, message_id="SM" + digest)


def signed_by(raw: RawRequest) -> dict[str, str]:
    """The headers of a message as an HTTP client wants them."""
    return dict(raw.headers)


@dataclass
class Town:
    """Many citizens who text and some who use the portal, all at once, on several gateways."""

    journal: Journal
    ports: Sequence[int]
    chance: random.Random
    name: str
    pause_s: float = 0.2
    sent: set[str] = field(default_factory=set)
    refused: int = 0
    """How often somebody was told to come again later."""
    _stopping: bool = False

    async def live(self, citizens: int) -> None:
        """Let citizens write until ``rest``; then let each finish the message it is sending."""
        timeout = aiohttp.ClientTimeout(total=10)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            asyncio.TaskGroup() as group,
        ):
            for number in range(citizens):
                person = self._texts if number % 4 else self._fills_in
                group.create_task(person(session, number))

    def rest(self) -> None:
        """Nobody begins a new message from now on."""
        self._stopping = True

    async def _texts(self, session: aiohttp.ClientSession, number: int) -> None:
        for one in count():
            if self._stopping:
                return
            token = f"m-{self.name}s{number}-{one}"
            self.sent.add(token)
            raw = text_message(token, f"{TEXTER}{number:04d}", photo=one % 8 == 5)
            await self._until_told(session, SMS, raw.body, signed_by(raw), token)
            await asyncio.sleep(self.chance.uniform(0, self.pause_s))

    async def _fills_in(self, session: aiohttp.ClientSession, number: int) -> None:
        for one in count():
            if self._stopping:
                return
            token = f"m-{self.name}w{number}-{one}"
            self.sent.add(token)
            text = f"{token} {COMPLAINTS[1]}"
            body = f'{{"content": "{text}", "phone": "{CALLER}{number:04d}"}}'.encode()
            headers = {"Content-Type": "application/json", "Idempotency-Key": token}
            await self._until_told(session, FORM, body, headers, token)
            await asyncio.sleep(self.chance.uniform(0, self.pause_s * 4))

    async def _until_told(
        self,
        session: aiohttp.ClientSession,
        path: str,
        body: bytes,
        headers: dict[str, str],
        token: str,
    ) -> None:
        """Deliver until acknowledged; now and then once more, as impatient providers do."""
        success = 201 if path == FORM else 200
        copies = 2 if self.chance.random() < 0.1 else 1
        while copies:
            port = self.chance.choice(self.ports)
            try:
                async with session.post(
                    f"http://127.0.0.1:{port}{path}", data=body, headers=headers
                ) as reply:
                    answer = await reply.read()
                    if reply.status == success:
                        kept = answer.decode() if path == FORM else None
                        self.journal.note(token=token, answer=kept)
                        copies -= 1
                        continue
                    # Whatever is wrong with us is never the citizen's fault.
                    assert reply.status == 503, (reply.status, answer)
                    self.refused += 1
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass
            await asyncio.sleep(0.05)
