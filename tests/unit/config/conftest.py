"""A configuration to change one thing in, and channels that exist only here."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Annotated

import pytest
from pydantic import BeforeValidator, SecretStr

from gateway.config import ChannelSettings, Config, Finding, InvalidConfig, load


class Sms(ChannelSettings):
    """A channel with one secret."""

    auth_token: SecretStr
    number: str = "+15005550006"


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Voice(ChannelSettings):
    """A channel whose secret may be one or a list."""

    auth_token: Annotated[tuple[SecretStr, ...], BeforeValidator(_one_or_many)]


class Web(ChannelSettings):
    """A channel without settings of its own."""


KINDS: Mapping[str, type[ChannelSettings]] = {"sms": Sms, "voice": Voice, "web": Web}
SITE = 'site: {name: 热线, jurisdiction: "370100", public_url: "https://hotline.example"}\n'

Load = Callable[..., Config]
Findings = Callable[..., list[Finding]]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Load a text as the configuration file, by default behind a valid ``site``."""

    def read(
        text: str = "",
        *,
        site: str = SITE,
        env: Mapping[str, str] | None = None,
        data: Path | None = None,
    ) -> Config:
        path = tmp_path / "hotline.yaml"
        path.write_text(site + dedent(text), encoding="utf-8")
        return load(path, channel_settings=KINDS, env=env or {}, data=data)

    return read


@pytest.fixture
def findings(loaded: Load) -> Findings:
    """What is wrong with a text; fails when nothing is."""

    def read(text: str = "", **options: object) -> list[Finding]:
        with pytest.raises(InvalidConfig) as caught:
            loaded(text, **options)
        return list(caught.value.findings)

    return read
