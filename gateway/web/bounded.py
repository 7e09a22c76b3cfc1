"""Reads the body of a request, but never more of it, and never for longer, than is allowed."""

import asyncio
from http import HTTPStatus

from aiohttp import web


class TooLarge(Exception):
    """The request's body is larger than is allowed here."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooSlow(Exception):
    """The request's body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class BrokenOff(Exception):
    """The request's body ended before its end, or its chunks make no sense."""

    status = HTTPStatus.BAD_REQUEST


async def read_bounded(request: web.Request, *, limit: int, timeout_s: float) -> bytes:
    """Return the whole body; raises ``TooLarge``, ``TooSlow`` or ``BrokenOff``.

    What is left of it then is not read.
    """
    body = at_hand(request, limit=limit)
    if body is not None:
        return body
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(request, limit)
    except TimeoutError as error:
        raise TooSlow from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise BrokenOff from error


def at_hand(request: web.Request, *, limit: int) -> bytes | None:
    """Return the whole body if it came with the headers, as most do; None: there is more to come.

    Raises ``TooLarge``.
    """
    if not request.content.is_eof():
        if (request.content_length or 0) > limit:
            raise TooLarge
        return None
    body = request.content.read_nowait()
    if len(body) > limit:
        raise TooLarge
    return body


async def _read(request: web.Request, limit: int) -> bytes:
    chunks = []
    size = 0
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > limit:
            raise TooLarge
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
