"""A provider that leads a simulated caller through our documents: it plays, asks, records, rings.

The caller follows a script, a line for each time something is asked: keys; words, which are a
spoken choice or a statement; nothing, for silence; ``hangup``, also behind words: then the caller
is gone in the middle of them. Where somebody is rung, a line tells what becomes of it:
``finished``, ``busy``, ``no_answer`` or ``failed``; behind ``finished`` may stand two WAV files,
what the caller says then and what the person does (``-`` for nothing).
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, fromstring

from channels.voice.twiml.far_end import Left
from gateway.channel import RawRequest
from gateway.channel.simulation import PlacedCall
from gateway.domain.errors import GatewayError

HANG_UP = "hangup"
RUNG = frozenset({"finished", "busy", "no_answer", "failed"})
KEYS = frozenset("0123456789*#")
_MOST_DOCUMENTS = 300
_PLAYED = re.compile(r"/prompts/([a-z]+)/([a-z0-9_]+)\.wav")
_DIALLED = {"finished": "completed", "busy": "busy", "no_answer": "no-answer", "failed": "failed"}
_STATEMENT_S = 5

Post = Callable[[RawRequest], Awaitable[str]]
"""Delivers a request to the gateway and returns the document it answers with."""

Request = Callable[[str, Mapping[str, str], str], RawRequest]
"""Makes a signed request of a path below the account's mount, a form and a query."""


class CallDropped(GatewayError):
    """The gateway left the provider without anything to do."""


class Overheard(Protocol):
    """A stream of both voices while the caller talks with a person."""

    async def talk(self, caller: str, person: str) -> int:
        """Say two WAV files (``-`` for nothing), and return how many seconds it took."""

    async def stop(self) -> None:
        """End the stream."""


@dataclass(slots=True)
class Asking:
    """One call, held without media. ``about`` are the fields of every request of it.

    ``record`` is told each statement's name and words, and returns where it is. ``stream`` holds a
    media stream and tells whether the caller is still there; without it there are none.
    ``overhear`` opens a stream that only listens.
    """

    post: Post
    request: Request
    mount: str
    about: Mapping[str, str]
    record: Callable[[str, str], Awaitable[str]]
    stream: Callable[[Element], Awaitable[bool]] | None = None
    overhear: Callable[[Element], Awaitable[Overheard]] | None = None
    prompts: list[str] = field(default_factory=list)
    """The names of the recordings the caller heard."""
    numbers: list[str] = field(default_factory=list)
    """The numbers that were read out, in order."""
    documents: list[str] = field(default_factory=list)
    seconds: int = 1
    _recordings: int = 0
    _spelling: bool = False
    _overheard: Overheard | None = None

    async def hold(self, script: "Iterable[str] | Script") -> PlacedCall:
        """Call, follow the script, and tell the gateway how the call ended."""
        lines = script if isinstance(script, Script) else Script(map(str.strip, script))
        ended_by: Literal["gateway", "caller"] = "caller"
        try:
            document: str | None = await self._ask("", CallStatus="ringing")
            while document is not None:
                document = await self._perform(document, lines)
            ended_by = "gateway"
        except Left:
            pass
        finally:
            await self._stop_listening()
        await self.post(
            self.request(
                "/status",
                {**self.about, "CallStatus": "completed", "CallDuration": str(self.seconds)},
                "",
            )
        )
        afterwards: Literal["hangup", "record"] | None = None
        if any("<Record" in one for one in self.documents):
            afterwards = "record"
        elif ended_by == "gateway":
            afterwards = "hangup"
        return PlacedCall(
            call_id=self.about["CallSid"],
            ended_by=ended_by,
            numbers=tuple(self.numbers),
            duration_ms=self.seconds * 1000,
            afterwards=afterwards,
        )

    # --- the gateway's documents

    async def _perform(self, document: str, lines: "Script") -> str | None:
        """Do what a document says; return the next one, None when the call is over."""
        verbs = list(fromstring(document))  # noqa: S314 - our own gateway's answer
        for verb in verbs:
            following = await self._do(verb, lines)
            if following is not None:
                return following
            if verb.tag in ("Hangup", "Leave", "Reject"):
                return None
        return None

    async def _do(self, verb: Element, lines: "Script") -> str | None:
        match verb.tag:
            case "Play":
                self._hear(verb.text or "")
            case "Gather":
                return await self._gather(verb, lines)
            case "Record":
                return await self._recorded(verb, lines)
            case "Dial":
                return await self._rung(verb, lines)
            case "Enqueue":
                return await self._queued(verb, lines)
            case "Redirect":
                return await self._go(verb.text or "")
            case "Start":
                if self.overhear is not None:
                    self._overheard = await self.overhear(verb[0])
            case "Stop":
                await self._stop_listening()
            case "Connect" if self.stream is not None:
                if not await self.stream(verb[0]):
                    raise Left
            case "Say" | "Pause" | "Hangup" | "Leave":
                self._spelling = False
            case other:
                raise CallDropped(f"the gateway answered with <{other}>", "simulate with media")
        return None

    def _hear(self, address: str) -> None:
        played = _PLAYED.search(address)
        if played is None:
            raise CallDropped(f"nothing can be played from {address}", "look at its prompts")
        name = played[2]
        self.prompts.append(name)
        self.seconds += 1
        if name.startswith("digit_"):
            if not self._spelling:
                self.numbers.append("")
            self.numbers[-1] += name.removeprefix("digit_")
        self._spelling = name.startswith("digit_") or (name == "pause" and self._spelling)

    # --- the caller's answers

    async def _gather(self, verb: Element, lines: "Script") -> str | None:
        for nested in verb:
            if nested.tag == "Play":
                self._hear(nested.text or "")
        self._spelling = False
        if verb.get("timeout") == "1":
            # It only lets a key skip what is said before a recording.
            return await self._skipped(verb, lines)
        line = lines.take()
        if line and set(line) <= KEYS:
            return await self._keyed(verb, line)
        if line and "speech" in (verb.get("input") or "dtmf"):
            return await self._go(verb.get("action", ""), SpeechResult=line, Confidence="0.9")
        self.seconds += int(verb.get("timeout") or 5)
        if verb.get("actionOnEmptyResult") == "true":
            return await self._go(verb.get("action", ""))
        return None

    async def _skipped(self, verb: Element, lines: "Script") -> str | None:
        line = lines.first()
        if line and set(line) <= KEYS and line != "#":
            return await self._keyed(verb, lines.take())
        return None

    async def _keyed(self, verb: Element, keys: str) -> str:
        ends = verb.get("finishOnKey", "#")
        most = int(verb.get("numDigits") or 99)
        given, finished = keys[:most], {}
        if ends and ends in given:
            given, finished = given.partition(ends)[0], {"FinishedOnKey": ends}
        return await self._go(verb.get("action", ""), Digits=given, **finished)

    async def _recorded(self, verb: Element, lines: "Script") -> str | None:
        self._spelling = False
        line = lines.take()
        if not line:
            self.seconds += int(verb.get("timeout") or 5)
            return None
        if set(line) <= KEYS:
            if line[0] not in (verb.get("finishOnKey") or "#"):
                return None
            # Twilio makes a recording of it all the same.
            return await self._go(
                verb.get("action", ""), Digits=line[0], RecordingDuration="1",
                RecordingUrl=await self._made(""),
            )  # fmt: skip
        line, leaves = cut_off(line)
        url = await self._made(line)
        self.seconds += _STATEMENT_S
        told = verb.get("recordingStatusCallback")
        if told:
            await self._go(
                told, RecordingSid=url.rpartition("/")[2], RecordingUrl=url,
                RecordingStatus="completed", RecordingDuration=str(_STATEMENT_S),
                RecordingChannels="1", RecordingSource="RecordVerb",
            )  # fmt: skip
        if leaves:
            # What was said so far is recorded, and told of, all the same.
            raise Left
        return await self._go(
            verb.get("action", ""), RecordingUrl=url, RecordingDuration=str(_STATEMENT_S)
        )

    async def _made(self, words: str) -> str:
        self._recordings += 1
        sid = f"RE{self.about['CallSid'][-30:]}{self._recordings:02}"
        return await self.record(sid, words)

    async def _stop_listening(self) -> None:
        overheard, self._overheard = self._overheard, None
        if overheard is not None:
            await overheard.stop()

    async def _rung(self, verb: Element, lines: "Script") -> str:
        line, *said = (lines.take() or "no_answer").split(" ")
        self.seconds += int(verb.get("timeout") or 30)
        for noun in verb:
            if noun.get("url") and line == "finished":
                # The person's own leg asks, and hears what is announced.
                await self._go(
                    noun.get("url", ""),
                    CallSid="CA" + "e" * 32,
                    ParentCallSid=self.about["CallSid"],
                )
        told = {"DialCallStatus": _DIALLED.get(line, "no-answer")}
        if line == "finished":
            talked_s = 0
            if self._overheard is not None:
                talked_s = await self._overheard.talk(*(*said, "-", "-")[:2])
            told["DialCallDuration"] = str(talked_s)
        return await self._go(verb.get("action", ""), **told)

    async def _queued(self, verb: Element, lines: "Script") -> str:
        waited, address = 0, verb.get("waitUrl", "")
        for _ in range(_MOST_DOCUMENTS):
            standing = {"QueuePosition": "2", "QueueTime": str(waited), "AvgQueueTime": "70"}
            document = await self._go(address, **standing)
            (first, *_) = fromstring(document)  # noqa: S314 - our own gateway's answer
            if first.tag == "Leave":
                return await self._go(
                    verb.get("action", ""), QueueResult="leave", QueueTime=str(waited)
                )
            for nested in first:
                self._hear(nested.text or "")
            line = lines.take()
            if line == "finished":
                return await self._go(
                    verb.get("action", ""), QueueResult="bridged", QueueTime=str(waited)
                )
            waited += int(first.get("timeout") or 5)
            self.seconds += waited
            if line and set(line) <= KEYS:
                document = await self._go(first.get("action", ""), Digits=line, **standing)
                if "<Leave" in document:
                    return await self._go(
                        verb.get("action", ""), QueueResult="leave", QueueTime=str(waited)
                    )
        raise CallDropped("the caller waits for ever", "look at the flow")

    async def _go(self, address: str, **fields: str) -> str:
        return await self._ask(address, CallStatus="in-progress", **fields)

    async def _ask(self, address: str, **fields: str) -> str:
        if len(self.documents) > _MOST_DOCUMENTS:
            raise CallDropped("the call goes round in circles", "look at the flow")
        parts = urlsplit(address.removeprefix(self.mount))
        answer = await self.post(self.request(parts.path, {**self.about, **fields}, parts.query))
        self.documents.append(answer)
        return answer


def cut_off(line: str) -> tuple[str, bool]:
    """Return what a line says, and whether the caller hangs up in the middle of it."""
    said = line.removesuffix(f" {HANG_UP}")
    return said, said != line


class Script:
    """Lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = list(lines)

    def take(self) -> str:
        """Return the next line; raises ``Left`` where the caller hangs up, or has no more."""
        line = self._lines.pop(0) if self._lines else HANG_UP
        if line == HANG_UP:
            raise Left
        return line

    @property
    def is_over(self) -> bool:
        """Whether there are no more lines."""
        return not self._lines

    def first(self) -> str:
        """Return the next line without taking it."""
        return self._lines[0] if self._lines else HANG_UP
