"""What is answered: exact bytes to the provider, fitting messages and honest failures."""

import pytest

from gateway.channel import ContactState, Part, Reply, SendError, SendFailure
from gateway.channel.conformance import OUTCOMES, Outbound
from gateway.channel.outgoing import Sender
from tests.contract.kit.channel_under_test import ChannelUnderTest
from tests.contract.kit.rule import Rule

_REPLIES = (
    "您的诉求已受理，受理编号 2611210000018，提取码 204816。",
    "Received. No. 2611210000018, code 204816.",
    "长" * 1500,
    "a" * 2000,
    "𠮷🚰" * 500,
    "€[]{}~" * 200,
    "x" + "𠮷" * 400,
)
_ENDLESS = "长" * 50_000


def acknowledges_in_exact_bytes(channel: ChannelUnderTest) -> None:
    """Each outcome has its answer, to the byte; a busy store is never called a success."""
    answers = channel.conformance.acknowledgements
    for (_, path), handler in channel.webhooks().items():
        assert path in answers, f"no acknowledgements given for the route {path!r}"
        for status, outcome in OUTCOMES.items():
            expected, given = answers[path][status], handler.acknowledge(outcome)
            assert given.status == expected.status, (path, status)
            assert given.content_type == expected.content_type, (path, status)
            assert dict(given.headers) == dict(expected.headers), (path, status)
            if expected.body is not None:
                assert given.body == expected.body, (path, status)
        assert not 200 <= handler.acknowledge(OUTCOMES["busy"]).status < 300, path


def cuts_replies_that_join_back(channel: ChannelUnderTest) -> None:
    """Parts are numbered, fit the provider's limit, and joined are the reply; no means no."""
    sender, outbound = _way_back(channel)
    limit = channel.account.spec.text_limit
    for text in _REPLIES:
        parts = sender.render(_reply(outbound, text), ContactState())
        assert "".join(part.text for part in parts) == text
        assert [part.number for part in parts] == list(range(1, len(parts) + 1))
        assert {part.of for part in parts} == {len(parts)}
        assert all(part.text for part in parts)
        if limit is not None:
            assert all(outbound.size_of(part.text) <= limit for part in parts)
    with pytest.raises(SendError) as stopped:
        sender.render(_reply(outbound, _REPLIES[0]), ContactState(stopped=True))
    assert stopped.value.kind is SendFailure.STOPPED
    for text in ("", _ENDLESS):
        with pytest.raises(SendError) as refused:
            sender.render(_reply(outbound, text), ContactState())
        assert refused.value.kind is SendFailure.INVALID


async def names_send_failures(channel: ChannelUnderTest) -> None:
    """Every answer of the provider has its one name, and a part is handed over once only."""
    sender, outbound = _way_back(channel)
    (part,) = sender.render(_reply(outbound, "已受理"), ContactState())
    channel.http.answer = outbound.success
    sent = await sender.send(part, channel.http)
    assert sent.sent_id == outbound.sent_id
    assert len(channel.http.calls) == 1
    assert {failing.expected for failing in outbound.failures} >= {
        SendFailure.CONFIG,
        SendFailure.THROTTLED,
        SendFailure.UNKNOWN,
        SendFailure.UNREACHABLE,
    }
    for failing in outbound.failures:
        channel.http.calls.clear()
        error = await _failure(channel, sender, part, failing.answer)
        assert error.kind is failing.expected, failing.name
        assert error.retry_after == failing.retry_after, failing.name
        assert len(channel.http.calls) == 1, failing.name


async def _failure(
    channel: ChannelUnderTest, sender: Sender, part: Part, answer: object
) -> SendError:
    channel.http.answer = answer  # type: ignore[assignment]
    with pytest.raises(SendError) as failed:
        await sender.send(part, channel.http)
    return failed.value


def _way_back(channel: ChannelUnderTest) -> tuple[Sender, Outbound]:
    outbound, sender = channel.conformance.outbound, channel.account.sender
    assert outbound, "conformance.py describes no outbound; if there is no way back, exempt this"
    assert sender, "the account has no sender"
    return sender, outbound


def _reply(outbound: Outbound, text: str) -> Reply:
    return Reply(
        reply_id="01JD7Z8Q4N5T6V7W8X9Y0Z1A2B",
        contact=outbound.contact,
        entry=outbound.entry,
        text=text,
        language="zh-CN",
    )


RULES = tuple(
    map(
        Rule,
        (
            acknowledges_in_exact_bytes,
            cuts_replies_that_join_back,
            names_send_failures,
        ),
    )
)
