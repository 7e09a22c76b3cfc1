"""The verification example in the webhook reference works as printed."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.delivery.signing import Secret, sign

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "webhooks.md"
NOW = datetime(2026, 11, 3, 8, 30, tzinfo=UTC)


@pytest.fixture
def is_genuine() -> Callable[..., bool]:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)  # noqa: S102 (our own page)
    example: Callable[..., bool] = names["is_genuine"]
    return example


def test_a_receiver_with_either_secret_recognises_an_event(is_genuine: Callable[..., bool]) -> None:
    secrets = [Secret(key=b"old"), Secret(key=b"new")]
    headers = sign(secrets, message_id="evt_1", sent_at=NOW, body=b"{}")
    assert is_genuine(b"old", headers, b"{}")
    assert is_genuine(b"new", headers, b"{}")
    assert not is_genuine(b"other", headers, b"{}")
    assert not is_genuine(b"old", headers, b"{ }")
