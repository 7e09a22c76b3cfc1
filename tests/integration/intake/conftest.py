"""An office on either engine, and what citizens say to it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.channel.contract import ChannelSpec
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.intake import InboundMessage
from tests.contract.kit.office import Office, never, open_office

CITIZEN = "tel:+8613800138000"
WEB = ChannelSpec(kind="web", account="site", receipt_in_answer=True, key_conflict_is_error=True)
VOICE = ChannelSpec(kind="voice", account="trunk", receipt_in_answer=True)


def text(words: str, key: str, **more: Any) -> InboundMessage:
    """A citizen's text message."""
    return InboundMessage(contact=CITIZEN, entry="12345", dedupe_key=key, text=words, **more)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database, on either engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hotline.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def forwards() -> Callable[[WorkOrderDraft], bool]:
    """Whether drafts are forwarded without a person; a test may override this."""
    return never


@pytest.fixture
async def office(
    store_url: str, forwards: Callable[[WorkOrderDraft], bool]
) -> AsyncIterator[Office]:
    """An office with one subscribed endpoint."""
    async with open_office(store_url, forwards=forwards) as opened:
        yield opened
