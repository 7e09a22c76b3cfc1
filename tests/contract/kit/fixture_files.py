"""Recorded requests: ``<what_happened>.http`` beside ``<what_happened>.expected.json``."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from multidict import CIMultiDict

from gateway.channel import RawRequest
from gateway.domain.intake import Event, Ignored
from tests.contract.kit.fakes import PUBLIC_URL


def recorded(folder: Path) -> Iterator[tuple[str, RawRequest, Any]]:
    """Yield name, request and expected events of every recorded request of a channel."""
    for file in sorted((folder / "fixtures").glob("*.http")):
        expected = json.loads(file.with_suffix(".expected.json").read_bytes())
        yield file.stem, read(file.read_bytes(), mount=folder.name), expected


def read(content: bytes, *, mount: str) -> RawRequest:
    """Return the request in the file; ``/channels/<kind>/<account>`` is cut off its path."""
    head, _, body = content.partition(b"\n\n")
    start, *lines = head.decode("ascii").splitlines()
    method, target, _ = start.split(" ")
    path, _, query = target.partition("?")
    pairs = (line.partition(": ") for line in lines)
    headers = CIMultiDict((name, value) for name, _, value in pairs)
    inner = path.split("/", 4)[4:] if path.startswith(f"/channels/{mount}/") else [path.lstrip("/")]
    return RawRequest(
        method=method,
        url=PUBLIC_URL + target,
        path="".join(f"/{part}" for part in inner),
        headers=headers,
        body=body,
        query=query,
        content_type=headers.get("Content-Type", ""),
    )


def as_json(events: Sequence[Event]) -> list[Any]:
    """Return events the way ``.expected.json`` holds them."""
    return [
        {"event": "ignored", "reason": event.reason}
        if isinstance(event, Ignored)
        else msgspec.json.decode(msgspec.json.encode(event))
        for event in events
    ]
