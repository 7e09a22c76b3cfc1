"""The simulated citizens of a demonstration: who gets in touch, through which channel, and how.

What a channel's citizens do follows from what its simulator can do, so that a new channel takes
part without being named here. All words and numbers are invented.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path

from gateway.channel.contract import ChannelKind, Simulator
from gateway.channel.simulation import FillsInForms, PlacesCalls, SendsPhotos
from gateway.channel.wire import RawRequest
from gateway.config import ChannelSettings
from gateway.demo.reaching import NotTaken, Reach, line_audio

Act = Callable[[Reach], Awaitable[None]]
"""What a citizen does; raises ``GatewayError`` when the gateway does not take it."""

_TEXTS = (
    "历山路与文化西路路口的井盖破损，电动车经过容易摔倒，请尽快维修。",
    "我要投诉楼下烧烤店油烟扰民，每天营业到凌晨两点。",
    "公交站台的玻璃碎了，照片见附件，希望尽快更换。",
    "想咨询一下，外地户口的孩子怎样办理入学手续？",
    "建议在实验小学门口增设减速带，上下学时车速太快。",
    "小区健身器材损坏，螺丝外露，孩子玩耍不安全，请派人维修。",
    "泉城公园东门的路灯连续三天不亮，晚上散步看不清路。",
)
_CONVERSATION = ("我们小区从昨晚开始停水。", "地址是历下区和平路18号，请问什么时候恢复？")
_BETWEEN_MESSAGES_S = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A recorded caller; without ``hangs_up_after_ms`` he stays until the gateway ends the call."""

    wav: str
    what: str
    speed: float
    hangs_up_after_ms: int | None = None


HASTE = 4.0
"""How many times faster than life the calls go in which the caller listens to the end."""

CALLS = (
    Call(wav="zh1.wav", what="a call", speed=HASTE),
    Call(wav="zh3.wav", what="a call", speed=HASTE),
    Call(wav="zh4.wav", what="a call, hung up in mid-sentence", speed=1, hangs_up_after_ms=3000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One citizen with one concern, which must become exactly one draft."""

    channel: str
    account: str
    sender: str
    what: str
    act: Act
    spoken: bool = False


def contacts_of(
    accounts: Sequence[ChannelSettings],
    kinds: Mapping[str, ChannelKind],
    *,
    public_url: str,
    callers: Path,
) -> list[Contact]:
    """Return every citizen of every account whose channel has a simulator."""
    texts = cycle(_TEXTS)
    senders = _senders()
    contacts = []
    for settings in accounts:
        make = kinds[settings.kind].simulator
        if make is None:
            continue
        simulator = make(settings, public_url)
        if isinstance(simulator, PlacesCalls):
            acts = list(_callers(simulator, callers))
        else:
            acts = list(_writers(simulator, texts))
        contacts += [
            Contact(
                channel=settings.kind,
                account=settings.account,
                sender=(sender := next(senders)),
                what=what,
                act=act(sender),
                spoken=isinstance(simulator, PlacesCalls),
            )
            for what, act in acts
        ]
    return contacts


def _senders() -> Iterator[str]:
    """Return numbers that no earlier run on the same data has used."""
    first = secrets.randbelow(900_000) * 100
    return (f"+86138{first + place:08}" for place in count(1))


def _callers(simulator: PlacesCalls, folder: Path) -> Iterator[tuple[str, Callable[[str], Act]]]:
    for call in CALLS:
        spoken = line_audio(folder / call.wav)

        def act(sender: str, call: Call = call, spoken: bytes = spoken) -> Act:
            async def place(reach: Reach) -> None:
                placed = await simulator.place_call(
                    spoken,
                    sender=sender,
                    server=reach.server,
                    speed=call.speed,
                    hang_up_after_ms=call.hangs_up_after_ms,
                )
                if call.hangs_up_after_ms is None and not placed.numbers:
                    raise NotTaken("the caller heard no receipt number", "look into the log")

            return place

        yield call.what, act


def _writers(
    simulator: Simulator, texts: Iterator[str]
) -> Iterator[tuple[str, Callable[[str], Act]]]:
    first, again, last = next(texts), next(texts), next(texts)
    yield "a message", lambda sender: _posting(simulator.message(first, sender=sender))
    yield (
        "a message, delivered twice",
        lambda sender: _posting(*[simulator.message(again, sender=sender)] * 2),
    )
    if isinstance(simulator, FillsInForms):
        yield (
            "the form, with a photograph",
            lambda sender: _posting(simulator.filled_in(last, sender=sender)),
        )
        return
    yield (
        "two messages about one thing",
        lambda sender: _posting(
            *(simulator.message(text, sender=sender) for text in _CONVERSATION),
        ),
    )
    if isinstance(simulator, SendsPhotos):
        yield (
            "a message with a photograph",
            lambda sender: _posting(simulator.image(last, sender=sender)),
        )


def _posting(*deliveries: RawRequest) -> Act:
    async def post(reach: Reach) -> None:
        for place, raw in enumerate(deliveries):
            if place:
                await asyncio.sleep(_BETWEEN_MESSAGES_S)
            status, _ = await reach.post(raw)
            if status >= 400:
                raise NotTaken(f"the gateway answered {status}", "look into its log")

    return post
