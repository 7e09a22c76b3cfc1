"""What is understood: documented requests exactly, odd ones calmly, the same every time."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Any

import msgspec

from gateway.domain.intake import Event, Ignored, InboundMessage, StoredEvent
from tests.contract.kit.channel_under_test import ChannelUnderTest, with_body
from tests.contract.kit.fixture_files import as_json, recorded
from tests.contract.kit.mutations import absurd_fields, mutated_bytes
from tests.contract.kit.rule import Rule

_UNUSUAL_TEXTS = (
    "🚰🏚️👨‍👩‍👧 𠮷祥路 镕 㐂 ﷽",
    "before\x00after",
    "abc \u202eevil\u202c \u200f\u2066x\u2069",
    "  leading and trailing  ",
    "a\r\nb\nc\td",
    "%41 + & = ; ? # <b> ]]> \\ \" ' {{x}} ${y}",
    "长" * 10_000,
)


def parses_fixtures_as_expected(channel: ChannelUnderTest) -> None:
    """Each recorded request is accepted and becomes exactly what lies beside it.

    As it stands, unless the provider signs a time: then it must be signed anew to be believed.
    """
    seen, signs_a_time = 0, "stale" in channel.deliveries
    for name, raw, expected in recorded(channel.folder):
        verdict = channel.deliver(channel.provider.signed(raw) if signs_a_time else raw)
        assert verdict.status == "parsed", (name, verdict.error)
        assert as_json(verdict.events) == expected, name
        seen += 1
    assert seen, "no fixtures/*.http"


def ignores_unknown_events(channel: ChannelUnderTest) -> None:
    """What the provider may invent tomorrow is acknowledged, counted and not stored."""
    verdict = channel.deliver(channel.deliveries["unknown"])
    assert verdict.status == "parsed"
    assert all(isinstance(event, Ignored) for event in verdict.events)


def survives_mutated_bytes(channel: ChannelUnderTest) -> None:
    """Signed nonsense is refused, malformed or sound events: never another exception."""
    originals = [raw for _, raw, _ in recorded(channel.folder)] or [channel.text()]
    for raw in originals:
        for body in (*mutated_bytes(raw.body), *absurd_fields(raw.body)):
            verdict = channel.deliver(channel.provider.signed(with_body(raw, body)))
            _assert_sound(verdict.events)


def gives_plausible_times(channel: ChannelUnderTest) -> None:
    """Times carry their zone and lie within two days of now; a wrong unit or zone shows here."""
    for name, raw in channel.deliveries.items():
        if name == "stale":
            continue
        for event in channel.deliver(raw).events:
            at = None if isinstance(event, Ignored) else event.occurred_at
            if at is not None:
                assert at.tzinfo is not None, name
                assert abs(at - channel.clock.now()) < timedelta(hours=48), name


def keeps_unusual_text(channel: ChannelUnderTest) -> None:
    """Emoji, NUL, direction marks, rare characters and long letters arrive as they were sent."""
    for text in _UNUSUAL_TEXTS:
        raw = channel.text(text)
        assert len(raw.body) <= channel.account.spec.body_limit, "body_limit is too small"
        verdict = channel.deliver(raw)
        (message,) = verdict.events
        assert isinstance(message, InboundMessage), verdict
        assert message.text == text


def parses_purely(channel: ChannelUnderTest) -> None:
    """The same request gives the same events, tomorrow and in another process; no clock, no I/O."""
    for name, raw in channel.deliveries.items():
        if name == "stale":
            continue
        handler = channel.webhooks()[raw.method, raw.path]
        first = handler.parse(raw)
        with _watching() as called:
            again = handler.parse(raw)
        assert again == first, name
        assert not called, (name, called)
        channel.clock.advance(86_400)
        other = ChannelUnderTest(
            kind=channel.kind, conformance=channel.conformance, folder=channel.folder
        )
        assert other.webhooks()[raw.method, raw.path].parse(raw) == first, name


def knows_a_redelivery(channel: ChannelUnderTest) -> None:
    """One id of one citizen is one message; another id or another citizen is another one."""
    first, second = channel.conformance.senders
    one_id, other_id = "SM" + "1" * 32, "SM" + "2" * 32

    def key(sender: str, message_id: str, text: str = "路灯不亮") -> tuple[str, str]:
        raw = channel.provider.message(text, sender=sender, message_id=message_id)
        (event,) = channel.deliver(raw).events
        assert isinstance(event, InboundMessage)
        return event.contact, event.dedupe_key

    assert key(first, one_id)[1], "no dedupe_key"
    assert key(first, one_id) == key(first, one_id)
    assert key(first, one_id) == key(first, one_id, "another text"), "the id alone is the key"
    assert key(first, one_id) != key(first, other_id)
    assert key(first, one_id) != key(second, one_id)


def ignores_its_own_messages(channel: ChannelUnderTest) -> None:
    """Our own message that comes back opens no case."""
    verdict = channel.deliver(channel.deliveries["own"])
    assert verdict.status == "parsed"
    assert all(isinstance(event, Ignored) for event in verdict.events)


def _assert_sound(events: Sequence[Event]) -> None:
    """What a channel hands over must survive the trip through the store unchanged."""
    for event in events:
        if not isinstance(event, Ignored):
            stored = msgspec.json.encode(event)
            assert msgspec.json.decode(stored, type=StoredEvent) == event
            assert event.contact.partition(":")[2]
            assert event.entry
            assert len(event.contact) <= 256


_IMPURE_MODULES = {"time", "_random", "posix", "_socket", "_io", "io", "_uuid"}
_IMPURE_NAMES = {"datetime.now", "datetime.utcnow", "date.today", "datetime.today"}


@contextmanager
def _watching() -> Iterator[list[str]]:
    """Note every call of a clock, of randomness, of a file or of the network."""
    called: list[str] = []

    def note(frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call":
            name = getattr(arg, "__qualname__", "")
            if getattr(arg, "__module__", None) in _IMPURE_MODULES or name in _IMPURE_NAMES:
                called.append(name)

    before: Callable[..., Any] | None = sys.getprofile()
    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(before)


RULES = tuple(
    map(
        Rule,
        (
            parses_fixtures_as_expected,
            ignores_unknown_events,
            survives_mutated_bytes,
            gives_plausible_times,
            keeps_unusual_text,
            parses_purely,
            knows_a_redelivery,
            ignores_its_own_messages,
        ),
    )
)
