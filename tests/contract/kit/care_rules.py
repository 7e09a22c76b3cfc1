"""How a channel behaves in the house: no secret told, nothing left behind, all written down."""

import asyncio
import fnmatch
import logging
import re
import tomllib
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gateway.channel import ContactState, Reply, SendError
from gateway.domain.intake import InboundMessage, Receipt
from tests.contract.kit.channel_under_test import ChannelUnderTest, with_body, with_headers
from tests.contract.kit.rule import Rule

_HEADINGS = ("Set-up at the provider", "Limits", "Not supported")
_NOT_RECORDED = {"PROVENANCE.md"}


async def leaks_nothing(channel: ChannelUnderTest) -> None:
    """No secret, no citizen's number and none of their words in errors, logs or descriptions."""
    said = "请勿外传的诉求内容"
    raw = channel.text(said)
    with _everything_logged() as lines:
        errors = [
            channel.deliver(changed).error
            for changed in (
                with_headers(raw, dict.fromkeys(channel.conformance.proof, "")),
                with_body(raw, raw.body + b"x"),
                channel.provider.signed(with_body(raw, raw.body[: len(raw.body) // 2])),
                channel.provider.signed(with_body(raw, b"\xff" + raw.body)),
            )
        ]
        errors += await _send_errors(channel, said)
    told = [line for error in errors if error for line in traceback.format_exception(error)]
    told += [*lines, *channel.log.lines, repr(channel.account)]
    told.append(repr(channel.kind.settings.model_validate(dict(channel.conformance.settings))))
    hidden = {said, *channel.secrets(), *channel.conformance.senders}
    for line in told:
        assert not any(word in line for word in hidden), line


async def closes_cleanly(channel: ChannelUnderTest) -> None:
    """After connect, a probe and close there is no task and no socket more than before."""
    lifecycle = channel.account.lifecycle
    assert lifecycle, "the account has no lifecycle; if it needs none, exempt this rule"
    before, sockets = asyncio.all_tasks(), _sockets()
    await lifecycle.connect()
    await lifecycle.probe()
    await lifecycle.close()
    await lifecycle.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert _sockets() == sockets


async def probe_speaks_in_words(channel: ChannelUnderTest) -> None:
    """Wrong credentials are told in a sentence with a cure and without the secret."""
    lifecycle, outbound = channel.account.lifecycle, channel.conformance.outbound
    assert lifecycle
    assert outbound
    channel.http.answer = outbound.refused_credentials
    refused = await lifecycle.probe()
    assert refused
    assert ";" in refused, "say what to do after a semicolon"
    assert not any(secret in refused for secret in channel.secrets())


def is_documented(channel: ChannelUnderTest) -> None:
    """The README has its headings, quality.toml every rule, and each fixture its origin."""
    readme = (channel.folder / "README.md").read_text("utf-8")
    for heading in _HEADINGS:
        assert re.search(rf"^## {re.escape(heading)}$", readme, re.MULTILINE), heading
    limits = readme.partition("## Limits")[2].partition("\n## ")[0]
    assert "http" in limits or "TS " in limits or "RFC" in limits, "name the limits' sources"
    for rule, state in quality(channel.folder).items():
        assert state == "done" or (isinstance(state, Mapping) and _reason(state)), rule
    provenance = (channel.folder / "fixtures" / "PROVENANCE.md").read_text("utf-8")
    named = re.findall(r"`([^`]+)`", provenance)
    for file in sorted((channel.folder / "fixtures").iterdir()):
        if file.name not in _NOT_RECORDED:
            assert any(fnmatch.fnmatch(file.name, pattern) for pattern in named), file.name


def simulator_shows_everything(channel: ChannelUnderTest) -> None:
    """The simulator makes a text, a picture, a redelivery and a receipt."""
    deliveries = channel.deliveries
    (text,) = channel.deliver(deliveries["text"]).events
    (image,) = channel.deliver(deliveries["image"]).events
    (receipt,) = channel.deliver(deliveries["receipt"]).events
    assert isinstance(text, InboundMessage)
    assert isinstance(image, InboundMessage)
    assert image.media
    assert image.media[0].kind == "image"
    assert isinstance(receipt, Receipt)
    once, again = (channel.text(message_id="SM" + "3" * 32) for _ in range(2))
    assert once.body == again.body


def quality(folder: Path) -> Mapping[str, object]:
    """Return what a channel's ``quality.toml`` says of each rule."""
    page = folder / "quality.toml"
    rules = tomllib.loads(page.read_text("utf-8"))["rules"] if page.exists() else {}
    assert isinstance(rules, dict)
    return rules


def _reason(state: Mapping[str, object]) -> bool:
    return len(state) == 1 and all(
        key in ("exempt", "todo") and isinstance(why, str) and len(why) > 10
        for key, why in state.items()
    )


async def _send_errors(channel: ChannelUnderTest, said: str) -> list[Exception | None]:
    outbound, sender = channel.conformance.outbound, channel.account.sender
    if not outbound or not sender:
        return []
    reply = Reply(
        reply_id="01JD7Z8Q4N5T6V7W8X9Y0Z1A2B",
        contact=outbound.contact,
        entry=outbound.entry,
        text=said,
        language="zh-CN",
    )
    errors: list[Exception | None] = []
    for part in sender.render(reply, ContactState()):
        for failing in outbound.failures:
            channel.http.answer = failing.answer
            try:
                await sender.send(part, channel.http)
            except SendError as error:
                errors.append(error)
    return errors


@contextmanager
def _everything_logged() -> Iterator[list[str]]:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler, root = Keep(level=0), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _sockets() -> set[str]:
    links = (file for file in Path("/proc/self/fd").iterdir() if file.is_symlink())
    return {str(link.readlink()) for link in links if "socket:" in str(link.readlink())}


RULES = tuple(
    map(
        Rule,
        (
            leaks_nothing,
            closes_cleanly,
            probe_speaks_in_words,
            is_documented,
            simulator_shows_everything,
        ),
    )
)
