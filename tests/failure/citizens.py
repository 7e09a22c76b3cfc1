"""Citizens and portals that go on trying until they are told "ok", as providers do."""

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
from pydantic import SecretStr

from channels.sms.config import SmsSettings
from channels.sms.simulator import TwilioSimulator
from tests.failure.record import Journal

PUBLIC_URL = "http://127.0.0.1:1"
ACCOUNT_SID = "AC00000000000000000000000000000000"
AUTH_TOKEN = "harness"


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


@dataclass
class Town:
    """Many citizens who text and some who use the portal, all at once, on several gateways."""

    journal: Journal
    ports: Sequence[int]
    chance: random.Random
    name: str
    sent: set[str] = field(default_factory=set)
    _simulator: TwilioSimulator = field(
        default_factory=lambda: TwilioSimulator(sms_settings(), PUBLIC_URL)
    )
    _stopping: bool = False

    async def live(self, citizens: int, pause_s: float = 0.05) -> None:
        """Let citizens write until ``rest``; then let each finish the message it is sending."""
        timeout = aiohttp.ClientTimeout(total=10)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            asyncio.TaskGroup() as group,
        ):
            for number in range(citizens):
                person = self._texts if number % 4 else self._fills_in
                group.create_task(person(session, number, pause_s))

    def rest(self) -> None:
        """Nobody begins a new message from now on."""
        self._stopping = True

    async def _texts(self, session: aiohttp.ClientSession, number: int, pause_s: float) -> None:
        count = 0
        while not self._stopping:
            token = f"m-{self.name}s{number}-{count}"
            self.sent.add(token)
            raw = self._simulator.message(
                f"{token} 路灯坏了",
                sender=f"+861380000{number:04d}",
                message_id="SM" + hashlib.md5(token.encode(), usedforsecurity=False).hexdigest(),
            )
            await self._until_told(
                session, "/channels/sms/main", raw.body, dict(raw.headers), token, 200
            )
            count += 1
            await asyncio.sleep(self.chance.uniform(0, pause_s))

    async def _fills_in(self, session: aiohttp.ClientSession, number: int, pause_s: float) -> None:
        count = 0
        while not self._stopping:
            token = f"m-{self.name}w{number}-{count}"
            self.sent.add(token)
            body = f'{{"content": "{token} 井盖坏了", "phone": "1390000{number:04d}"}}'.encode()
            headers = {"Content-Type": "application/json", "Idempotency-Key": token}
            await self._until_told(session, "/api/v1/intake", body, headers, token, 201)
            count += 1
            await asyncio.sleep(self.chance.uniform(0, pause_s * 4))

    async def _until_told(
        self,
        session: aiohttp.ClientSession,
        path: str,
        body: bytes,
        headers: dict[str, str],
        token: str,
        success: int,
    ) -> None:
        """Deliver until acknowledged; now and then once more, as impatient providers do."""
        copies = 2 if self.chance.random() < 0.1 else 1
        told = 0
        while told < copies:
            port = self.chance.choice(self.ports)
            try:
                async with session.post(
                    f"http://127.0.0.1:{port}{path}", data=body, headers=headers
                ) as reply:
                    answer = await reply.read()
                    if reply.status == success:
                        self.journal.note(
                            token=token, answer=answer.decode() if success == 201 else None
                        )
                        told += 1
                        continue
                    assert reply.status in {503, 500} or reply.status >= 502, (
                        reply.status,
                        answer,
                    )
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass
            await asyncio.sleep(0.05)
