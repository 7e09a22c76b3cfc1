"""Who may speak: no secret, no service; no proof, no entry; one address counts, the configured."""

import dataclasses

import pytest
from pydantic import ValidationError

from gateway.config import ConfigError
from gateway.domain.errors import GatewayError
from gateway.domain.intake import TEXT_LIMIT, Ignored, InboundMessage
from tests.contract.kit.channel_under_test import ChannelUnderTest, with_body, with_headers
from tests.contract.kit.rule import Rule


def refuses_to_start_without_secret(channel: ChannelUnderTest) -> None:
    """An account that lacks a secret never comes to life, so nothing is accepted unverified."""
    assert channel.conformance.secrets, "no secret named; if there is none, exempt this rule"
    for name in channel.conformance.secrets:
        without = {key: value for key, value in channel.conformance.settings.items() if key != name}
        for settings in (without, {**without, name: ""}, {**without, name: None}):
            with pytest.raises((ValidationError, ConfigError, GatewayError)):
                channel.build(settings)


def refuses_forged_signatures(channel: ChannelUnderTest) -> None:
    """Without the proof, with any byte of it changed, or over another body: refused."""
    assert channel.conformance.proof, "no proof named; if there is none, exempt this rule"
    for name, raw in channel.deliveries.items():
        if name == "stale":
            continue
        genuine = channel.deliver(raw)
        assert genuine.status == "parsed", (name, genuine.error)
        for header in channel.conformance.proof:
            value = raw.headers[header]
            forgeries = [
                "",
                "\udcff",
                "é" * len(value),
                value[:-1],
                value + "=",
                *(_flipped(value, place) for place in range(len(value))),
            ]
            for forged in forgeries:
                verdict = channel.deliver(with_headers(raw, {header: forged}))
                assert verdict.status == "refused", (name, header, forged)
        for place in range(len(raw.body)):
            changed = bytearray(raw.body)
            changed[place] ^= 1
            verdict = channel.deliver(with_body(raw, bytes(changed)))
            # Two spellings of one form (%2b, %2B) are the same message under the same proof.
            assert verdict.status == "refused" or verdict.events == genuine.events, (name, place)
    for secret in channel.conformance.secrets:
        settings = {**channel.conformance.settings, secret: "b3RoZXI" * 8}
        stranger = dataclasses.replace(
            channel, conformance=dataclasses.replace(channel.conformance, settings=settings)
        )
        assert channel.deliver(stranger.text()).status == "refused", secret


def refuses_stale_requests(channel: ChannelUnderTest) -> None:
    """A rightly signed request from long ago is a replay."""
    assert channel.deliver(channel.deliveries["stale"]).status == "refused"


def believes_only_the_configured_url(channel: ChannelUnderTest) -> None:
    """What a proxy or an attacker says about the address changes nothing, either way."""
    raw = channel.text()
    genuine = channel.deliver(raw)
    lies = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Port": "1",
        "X-Original-URL": "/elsewhere",
        "Forwarded": "host=evil.example;proto=http",
    }
    lied_to = channel.deliver(with_headers(raw, lies))
    assert (lied_to.status, lied_to.events) == ("parsed", genuine.events)
    foreign = channel.provider_at("https://evil.example").signed(raw)
    proofs = {name: foreign.headers[name] for name in channel.conformance.proof}
    if any(raw.headers[name] != proof for name, proof in proofs.items()):
        verdict = channel.deliver(with_headers(raw, {**lies, **proofs}))
        assert verdict.status == "refused", "signed for another address"


def bounds_what_it_parses(channel: ChannelUnderTest) -> None:
    """Rightly signed bodies that are too wide, too deep, or define entities make no message."""
    limit = channel.account.spec.body_limit
    bodies = {
        "too many fields": b"a=b&" * (limit // 4),
        "too deep (JSON)": b"[" * limit,
        "too deep (JSON object)": b'{"a":' * (limit // 5),
        "too deep (XML)": (b"<a>" * (limit // 3))[:limit],
        "entities": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><xml><Content>&a;</Content></xml>',
        "nothing": b"",
        "not text": bytes(range(256)),
        "a huge number": b'{"id": ' + b"9" * 5000 + b"}",
    }
    raw = channel.text()
    for name, body in bodies.items():
        verdict = channel.deliver(channel.provider.signed(with_body(raw, body)))
        stored = [event for event in verdict.events if not isinstance(event, Ignored)]
        assert not stored, name
    long = channel.deliver(channel.text("长" * (TEXT_LIMIT + 1)))
    for event in long.events:
        assert not isinstance(event, InboundMessage) or len(event.text) <= TEXT_LIMIT


def _flipped(value: str, place: int) -> str:
    other = "A" if value[place] != "A" else "B"
    return value[:place] + other + value[place + 1 :]


RULES = tuple(
    map(
        Rule,
        (
            refuses_to_start_without_secret,
            refuses_forged_signatures,
            refuses_stale_requests,
            believes_only_the_configured_url,
            bounds_what_it_parses,
        ),
    )
)
