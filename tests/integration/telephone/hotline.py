"""One whole gateway with an account on every transport, and callers who tell it their stories."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
import yaml

from channels.voice import CHANNEL, prompts
from channels.voice.config import VoiceSettings
from channels.voice.ivr.flow_file import FlowFile
from channels.voice.simulator import TwilioSimulator
from channels.voice.stand_in import TwilioStandIn
from channels.voice.telephone import SAID_BY_CALLS, SHIPPED
from gateway.app import Gateway, built
from gateway.cli._serving import serving
from gateway.config import load
from gateway.domain.clock import SystemClock
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.g711 import mulaw_to_pcm
from gateway.store import drafts
from gateway.web.live import Wanted
from tests.integration.telephone.chords import (
    chord,
    chord_recogniser,
    click,
    digit,
    numbers_in,
)
from tests.integration.telephone.stories import (
    CALLER,
    CODE,
    RECEIPT,
    STORIES,
    Does,
    Rings,
    Story,
    View,
    Wiring,
)
from tests.peers.asterisk import PASSWORD, USER, AsteriskServer, running_asterisk
from tests.peers.softphone import Plan, Softphone, softphone, write_wav

ACCOUNT_SID = "AC" + "0" * 32
TOKEN = "an-invented-auth-token"
PUBLIC_URL = "https://hotline.example"
LONGEST_S = 75.0
_AT_ONCE = 3
_DRAWS_BREATH_S = 1.0
_SPEED = 4.0
_SEALED_AFTER = timedelta(minutes=2)

WORDS = tuple(
    dict.fromkeys(
        words
        for story in STORIES.values()
        for line in story.lines
        for words in (
            (line.says,)
            if isinstance(line, Does)
            else (line.caller, line.person)
            if isinstance(line, Rings)
            else ()
        )
        if words
    )
)


class MovableClock:
    """Real time that can be moved on: nobody waits for what is due in a minute."""

    ahead = timedelta()

    def now(self) -> datetime:
        """Return the time."""
        return SystemClock().now() + type(self).ahead

    def monotonic(self) -> float:
        """Return seconds."""
        return SystemClock().monotonic() + type(self).ahead.total_seconds()


@dataclass(slots=True, kw_only=True)
class House:
    """The gateway, and how its callers reach it."""

    gateway: Gateway
    folder: Path
    server: str
    settings: Mapping[str, VoiceSettings]
    pbx: Mapping[str, AsteriskServer]
    earlier: tuple[str, str] = ("", "")
    steps: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """What was told live of each draft: kind of news and node."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    heard: dict[tuple[Wiring, str], tuple[str, ...]] = field(default_factory=dict)

    def wav(self, words: str) -> str:
        """Return the file in which these words are said."""
        return str(self.folder / f"said_{WORDS.index(words)}.wav")

    def keys(self, keys: str) -> str:
        """Return keys with the earlier case's numbers in the place of their stand-ins."""
        return keys.replace(RECEIPT, self.earlier[0]).replace(CODE, self.earlier[1])

    async def watch(self) -> None:
        """Note which node each call has come to."""
        with self.gateway.live.watched(Wanted(types=("call.*",))) as watcher:
            while not watcher.closed:
                for told in await watcher.take(1.0):
                    body = json.loads(told.body)
                    node = body.get("data", {}).get("node", "")
                    self.steps.setdefault(told.draft_id or "", []).append((told.type, node))
                    self.news.set()

    async def drafts(self) -> Mapping[str, WorkOrderDraft]:
        """Return every draft by its caller's number."""
        found = await self.gateway.store.read(lambda c: drafts.listing(c, limit=100))
        return {one.reporter.phone or "": one for one in found}

    async def until(self, phone: str, kind: str, node: str, seen: int) -> int:
        """Wait for news of somebody's call; return how much of it has been seen then."""
        while True:
            draft = (await self.drafts()).get(phone)
            news = self.steps.get(draft.draft_id, []) if draft else []
            for place in range(seen, len(news)):
                if news[place] == (kind, node):
                    return place + 1
            self.news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await self.news.wait()


def caller_of(wiring: Wiring, name: str) -> str:
    """Return who tells this story over this transport: nobody else calls from there."""
    wires = ("websocket", "audiosocket", "stream", "none")
    return f"+8613800{wires.index(wiring)}{list(STORIES).index(name):02}000"


async def told_over(house: House, wiring: Wiring, name: str) -> None:
    """Let a caller tell a story."""
    story, caller = STORIES[name], caller_of(wiring, name)
    if wiring in house.pbx:
        heard = await _by_telephone(house, wiring, story, caller)
    else:
        heard = await _by_carrier(house, wiring, story, caller)
    house.heard[wiring, name] = heard


async def _by_carrier(house: House, wiring: Wiring, story: Story, caller: str) -> tuple[str, ...]:
    script = [one for line in story.lines for one in _script(house, line)]
    account = house.settings[wiring]
    placed = await TwilioSimulator(account, PUBLIC_URL).follow_script(
        script, sender=caller, server=house.server, speed=_SPEED
    )
    return numbers_in(mulaw_to_pcm(placed.heard)) if placed.heard else placed.numbers


def _script(house: House, line: Any) -> Iterator[str]:
    match line:
        case Rings(outcome="finished", caller=caller, person=person) if caller and person:
            yield f"finished {house.wav(caller)} {house.wav(person)}"
        case Rings(outcome=outcome):
            yield outcome
        case Does(says=says, keys=keys, leaves=leaves):
            if says:
                yield f"wav {house.wav(says)}" + (" hangup" if leaves else "")
            elif keys:
                yield house.keys(keys)
            else:
                yield "hangup"
        case _:
            yield ""


async def _by_telephone(house: House, wiring: Wiring, story: Story, caller: str) -> tuple[str, ...]:
    server = house.pbx[wiring]
    record = house.folder / f"heard_{wiring}_{caller}.wav"
    plan = Plan(
        call=f"12345@{server.sip}",
        caller=caller.removeprefix("+86"),
        record=str(record),
        longest_s=LONGEST_S,
    )
    async with softphone(plan) as phone:
        acting = asyncio.create_task(_act(house, story, caller, phone))
        await phone.done(LONGEST_S)
        acting.cancel()
        with suppress(asyncio.CancelledError):
            await acting
        return numbers_in(phone.heard())


async def _act(house: House, story: Story, caller: str, phone: Softphone) -> None:
    seen = 0
    await phone.wait_for("up")
    for line in story.lines:
        match line:
            case Rings(outcome="finished") if line.caller:
                seen = await house.until(caller, "call.connected", "", seen)
                await asyncio.sleep(_DRAWS_BREATH_S)
                await phone.do("play", house.wav(line.caller))
            case Does(at=node):
                seen = await house.until(caller, "call.step", node, seen)
                await asyncio.sleep(line.after_s)
                if line.says:
                    await phone.do("play", house.wav(line.says))
                if line.keys:
                    await phone.do("keys", house.keys(line.keys))
                if line.leaves:
                    await asyncio.sleep(1.2 if line.says else 0)
                    await phone.do("bye")
            case _:
                pass


@asynccontextmanager
async def _people(house_folder: Path) -> AsyncIterator[Mapping[str, list[str]]]:
    """Two operators, a business desk that never answers, and the police; each for one call."""
    said = str(house_folder / f"said_{WORDS.index('请您留下地址')}.wav")
    talks = [(2.5, "play", said), (5.0, "bye", "")]
    plans = {
        "operators": [Plan(ring_s=0.4, steps=talks), Plan(ring_s=0.4, steps=[(3.0, "bye", "")])],
        "enterprise": [Plan(answer=0)],
        "110": [Plan(ring_s=0.4, steps=[(2.0, "bye", "")])],
    }
    async with AsyncExitStack() as stack:
        found = {}
        for name, ones in plans.items():
            phones = [await stack.enter_async_context(softphone(plan)) for plan in ones]
            found[name] = [AsteriskServer.dial(phone.port) for phone in phones]
        yield found


def _flow(folder: Path) -> Path:
    """Return a copy of the shipped flow whose desks never close and whose callers are quick."""
    text = SHIPPED.read_text("utf-8")
    always = 'workday: "00:00-24:00", weekend: "00:00-24:00", holiday: "00:00-24:00"'
    desk = re.compile(r"^(  (?:operators|enterprise): \{calendar: cn), .*\}$", re.MULTILINE)
    text = desk.sub(rf"\1, {always}}}", text)
    text = text.replace("../calendars/cn.yaml", str(SHIPPED.parent.parent / "calendars/cn.yaml"))
    text = re.sub(
        r"^(\s+)no_input: are_you_there$",
        r"\1no_input: are_you_there\n\1end_silence: 2 s\n\1no_speech: 4 s",
        text,
        flags=re.MULTILINE,
    )
    path = folder / "flow.yaml"
    path.write_text(text, "utf-8")
    return path


def _sounds(folder: Path, flow: Path, log: Any) -> Path:
    """Write short prompts, digits that can be told apart, and what callers say."""
    walk = FlowFile(flow, log).walk
    names = (*prompts.NAMES, *prompts.QUANTITIES, *SAID_BY_CALLS, *walk.flow.prompt_names())
    for language in ("zh", "en"):
        (folder / "prompts" / language).mkdir(parents=True)
        for name in dict.fromkeys(names):
            pcm = digit(int(name[6:])) if re.fullmatch(r"digit_\d", name) else click()
            write_wav(folder / "prompts" / language / f"{name}.wav", pcm)
    for place in range(len(WORDS)):
        write_wav(folder / f"said_{place}.wav", chord(place))
    return folder / "prompts"


@contextmanager
def replaced() -> Iterator[None]:
    """Put the movable clock and the engine of this suite into the composition root."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.app.building.SystemClock", MovableClock)
        patch.setattr(
            "gateway.speech.loading.load_recogniser",
            lambda *given, **more: chord_recogniser(WORDS),
        )
        yield


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[House]:
    """Open the whole: two Asterisks, a provider's stand-in, people, and the gateway itself."""

    class Quiet:
        def info(self, event: str, **values: object) -> None: ...
        def warning(self, event: str, **values: object) -> None: ...

    flow = _flow(folder)
    own = _sounds(folder, flow, Quiet())
    async with AsyncExitStack() as stack:
        wires = ("websocket", "audiosocket")
        pbx = {wire: stack.enter_context(running_asterisk()) for wire in wires}
        common = {"kind": "voice", "flow": str(flow), "prompts": str(own), "drain": "1 s"}
        channels: list[dict[str, Any]] = []
        for wire in wires:
            found = await stack.enter_async_context(_people(folder))
            channels.append(
                {
                    **common,
                    "account": wire,
                    "provider": "asterisk",
                    "pbx": {
                        "url": pbx[wire].url,
                        "user": USER,
                        "password": "${PASSWORD}",
                        "media": wire,
                        "listen": "127.0.0.1:0",
                    },
                    "targets": {
                        name: {"ring": ring, "order": "in_turn", "ring_for": "10 s"}
                        for name, ring in found.items()
                    },
                }
            )
        for media in ("stream", "none"):
            given = {
                **common,
                "account": media,
                "provider": "twiml",
                "media": media,
                "account_sid": ACCOUNT_SID,
                "auth_token": TOKEN,
                "targets": {
                    name: ["+8653112345001"] for name in ("operators", "enterprise", "110")
                },
            }
            stand_in = TwilioStandIn(VoiceSettings.model_validate(given))
            address = await stack.enter_async_context(stand_in.serving("127.0.0.1", 0))
            channels.append({**given, "auth_token": "${TOKEN}", "base_url": address})
        path = folder / "hotline.yaml"
        site = {
            "name": "12345",
            "jurisdiction": "370100",
            "timezone": "Asia/Shanghai",
            "public_url": PUBLIC_URL,
            "language": "zh-CN",
        }
        document = {
            "site": site,
            "channels": channels,
            "log": {"level": "warning", "format": "text"},
        }
        path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        config = load(
            path,
            channel_settings={"voice": VoiceSettings},
            env={"PASSWORD": PASSWORD, "TOKEN": TOKEN},
            data=folder / "data",
        )
        log = stack.enter_context((folder / "gateway.log").open("w"))
        gateway = await stack.enter_async_context(built(config, {"voice": CHANNEL}, log_to=log))
        port = await stack.enter_async_context(serving(gateway, "127.0.0.1", 0))
        settings = {one.account: cast(VoiceSettings, one) for one in config.channels}
        house = House(
            gateway=gateway,
            folder=folder,
            server=f"http://127.0.0.1:{port}",
            settings=settings,
            pbx=pbx,
        )
        watching = asyncio.create_task(house.watch())
        stack.callback(watching.cancel)
        yield house


@dataclass(slots=True)
class Evening:
    """What became of every story on every transport."""

    views: dict[tuple[Wiring, str], View] = field(default_factory=dict)
    failed: dict[tuple[Wiring, str], BaseException] = field(default_factory=dict)
    drafts: int = 0
    left: list[object] = field(default_factory=list)
    """Channels and bridges that Asterisk still had in the end."""
    seconds: float = 0.0
    timings: dict[tuple[Wiring, str], float] = field(default_factory=dict)


async def spent(folder: Path, wirings: Sequence[Wiring], names: Sequence[str]) -> Evening:
    """Let all stories be told over all transports, and look at the drafts."""
    evening, began = Evening(), monotonic()
    rooms: Mapping[str, asyncio.Semaphore] = {one: asyncio.Semaphore(_AT_ONCE) for one in wirings}

    async def tell(house: House, wiring: Wiring, name: str) -> None:
        async with rooms[wiring]:
            start = monotonic()
            try:
                await told_over(house, wiring, name)
            except Exception as error:  # the other calls go on; the test of this one shows it
                evening.failed[wiring, name] = error
            evening.timings[wiring, name] = monotonic() - start

    async with opened(folder) as house:
        placed = await TwilioSimulator(house.settings["none"], PUBLIC_URL).follow_script(
            [f"wav {house.wav(WORDS[0])}"], sender="+8613800999999", server=house.server
        )
        house.earlier = (placed.numbers[0], placed.numbers[2])
        # A carrier's calls go four times as fast; telephones must not hear how much work that is.
        async with asyncio.TaskGroup() as group:
            for one in wirings:
                if one not in house.pbx:
                    for name in names:
                        group.create_task(tell(house, one, name))
        # What a carrier tells of the end waits a moment for recordings; nobody waits for that.
        MovableClock.ahead += _SEALED_AFTER
        async with asyncio.TaskGroup() as group:
            for name in sorted(names, key=lambda one: one != "says nothing at all"):
                for one in wirings:
                    if one in house.pbx:
                        group.create_task(tell(house, one, name))
        deadline, found = monotonic() + 15, await house.drafts()
        while monotonic() < deadline:
            found = await house.drafts()
            for wiring in wirings:
                for name in names:
                    draft = found.get(caller_of(wiring, name))
                    if draft is not None:
                        evening.views[wiring, name] = view(house, wiring, name, draft)
            if all(evening.views.get(key) == expected(*key) for key in evening.views):
                break
            await asyncio.sleep(0.5)
        evening.drafts = len(found)
        for server in house.pbx.values():
            for what in ("channels", "bridges"):
                evening.left += await asyncio.to_thread(server.ask, "GET", f"/ari/{what}")
    evening.seconds = monotonic() - began
    return evening


def expected(wiring: Wiring, name: str) -> View:
    """Return the view that a story must give over a transport."""
    story = STORIES[name]
    return View(
        **{
            **{key: getattr(story.view, key) for key in story.view.__slots__},
            **story.but.get(wiring, {}),
        }
    )


def view(house: House, wiring: Wiring, name: str, draft: WorkOrderDraft) -> View:
    """Look at a draft as every transport must show it."""
    caller = caller_of(wiring, name)
    extra, reporter, request = draft.extra or {}, draft.reporter, draft.request
    told = extra.get("ivr", {}).get("facts", {})
    facts = {key: RECEIPT if one == house.earlier[0] else one for key, one in told.items()}
    callback = extra.get("callback")
    menu = [one for one in draft.suggestions or () if one.by == "ivr:menu"]
    category = [one.value["code"] for one in menu if one.field == "request.category"]

    def plain(number: str) -> str:
        known = {
            caller: CALLER,
            caller.removeprefix("+86"): CALLER,
            caller.removeprefix("+"): CALLER,
            draft.receipt_no: "receipt",
        }
        if number in known:
            return known[number]
        return "code" if re.fullmatch(r"\d{6}", number) else number

    digits = extra.get("digits")
    if digits is not None and house.earlier[0]:
        digits = digits.replace(house.earlier[0], RECEIPT).replace(house.earlier[1], CODE)
    spoken = draft.transcript.segments if draft.transcript else ()
    return View(
        # A single digit is a key that is offered; which ones are depends on how long one waits.
        told=tuple(plain(one) for one in house.heard.get((wiring, name), ()) if len(one) > 1),
        state=str(draft.state),
        reporter=f"{reporter.kind} by {reporter.verified_by}",
        language=reporter.language or "",
        callback_phone=None if reporter.callback_phone is None else plain(reporter.callback_phone),
        content="\n".join(line for line, _ in groupby(request.content.splitlines())),
        content_source=request.content_source,
        type=request.type,
        title=request.title,
        # A line that stalls cuts an utterance in two, and either part is heard as the whole.
        said=tuple(one for one, _ in groupby((str(one.speaker), one.text) for one in spoken)),
        facts=facts,
        category=category[0] if category else None,
        callback=(plain(callback["number"]), callback.get("reason", "")) if callback else None,
        rating=extra.get("feedback", {}).get("rating"),
        digits=digits,
        cause=extra.get("hangup_cause", ""),
        recorded=any(one.kind == "recording" for one in draft.attachments or ()),
        transcript_missing=extra.get("transcript_missing"),
    )
