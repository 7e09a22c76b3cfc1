"""A whole gateway behind one account of TwiML, and a carrier that plays its documents aloud."""

import dataclasses
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from channels.voice.config import VoiceSettings
from channels.voice.simulator import TwilioSimulator, call_id
from channels.voice.telephone import SAID_BY_CALLS
from channels.voice.twiml import build
from channels.voice.twiml.asking import Asking
from gateway.channel import Account, RawRequest, WebhookChannel
from gateway.channel.simulation import PlacedCall
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.intake import CaseStatus
from tests.contract.kit.office import Office, open_office
from tests.unit.channels.voice.fakes import World

PUBLIC_URL = "https://hotline.example"
MOUNT = f"{PUBLIC_URL}/channels/voice/demo"
GIVEN = {
    "kind": "voice",
    "account": "demo",
    "media": "none",
    "account_sid": "AC" + "0" * 32,
    "auth_token": "an-invented-auth-token",
    "targets": {"operators": ["+8653112345001", "sip:desk@pbx.example"]},
}
CITIZEN = "+8613800138000"
SID = call_id("a call")


_CLICK = b"RIFF\x34\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
_CLICK += b"data\x10\0\0\0" + bytes(16)


@dataclass
class Cases:
    """Earlier cases, by receipt number and query code."""

    known: dict[tuple[str, str], CaseStatus] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def status(self, receipt_no: str, query_code: str) -> CaseStatus | None:
        self.asked.append((receipt_no, query_code))
        return self.known.get((receipt_no, query_code))


@dataclass
class Carried:
    """One gateway, and everything its carrier was told."""

    account: Account
    office: Office
    world: World
    simulator: TwilioSimulator
    cases: Cases
    statuses: list[int] = field(default_factory=list)
    delivered: list[RawRequest] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    asking: Asking | None = None

    def handler(self, path: str) -> WebhookChannel:
        (route,) = (one for one in self.account.routes if one.path == path and one.method == "POST")
        return cast(WebhookChannel, route.handler)

    async def deliver(self, raw: RawRequest) -> tuple[int, str]:
        """Bring a request through the real door of the core."""
        door = self.office.inbox.door(self.account, self.handler(raw.path))
        reply = await door.receive(raw)
        self.statuses.append(reply.status)
        return reply.status, reply.body.decode()

    async def post(self, raw: RawRequest) -> str:
        self.delivered.append(raw)
        status, answer = await self.deliver(raw)
        assert status == 200 or raw.path == "/status", (status, raw.path)
        return answer

    async def call(self, *script: str, sender: str = CITIZEN, sid: str = SID) -> PlacedCall:
        """Let a citizen call and follow a script."""

        async def record(recording: str, words: str) -> str:
            self.said[recording] = words
            account = GIVEN["account_sid"]
            return f"https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{recording}"

        self.asking = Asking(
            post=self.post,
            request=lambda path, form, query: self.simulator.request(path, form, query=query),
            mount=MOUNT,
            about=self.simulator.about(sid, sender),
            record=record,
        )
        return await self.asking.hold(script)

    @property
    def heard(self) -> list[str]:
        assert self.asking is not None
        return self.asking.prompts

    @property
    def documents(self) -> str:
        assert self.asking is not None
        return "\n".join(self.asking.documents)

    async def draft(self) -> WorkOrderDraft:
        (draft,) = await self.office.drafts()
        return draft


@asynccontextmanager
async def carried(
    tmp_path: Path, world: World | None = None, **changes: Any
) -> AsyncIterator[Carried]:
    """Open a gateway with one account."""
    world, cases = world or World(), Cases()
    tmp_path.mkdir(exist_ok=True)
    own = tmp_path / "prompts"
    for language in ("zh", "en"):
        (own / language).mkdir(parents=True, exist_ok=True)
        for name in SAID_BY_CALLS:
            (own / language / f"{name}.wav").write_bytes(_CLICK)
    settings = VoiceSettings.model_validate({**GIVEN, "prompts": str(own), **changes})
    async with open_office(f"sqlite:///{tmp_path / 'line.db'}") as office:
        ports = dataclasses.replace(world.ports, clock=office.clock, cases=cases)
        yield Carried(
            account=build(settings, ports),
            office=office,
            world=world,
            simulator=TwilioSimulator(settings, PUBLIC_URL),
            cases=cases,
        )


def flow_file(tmp_path: Path, nodes: str) -> str:
    """Write a small flow and return its path."""
    path = tmp_path / "flow.yaml"
    path.write_text(
        f"flow: small\nlanguages: [zh]\nstart: a\nperson: bye\nway_out: bye\nfarewell: thanks\n"
        f"nodes:\n{nodes}\n  bye: {{kind: hangup, prompts: thanks}}\n",
        "utf-8",
    )
    return str(path)
