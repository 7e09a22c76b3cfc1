"""One HTTP/1.1 exchange over one connection: a request goes out in one piece, its answer comes in.

aiohttp connects, keeps connections alive and parses. Its session is left out: what that does for a
call beyond this (redirects, cookies, proxies, tracing, a task to write each body) is nothing the
gateway wants, and costs more than the exchange itself.
"""

import asyncio
from dataclasses import dataclass

import aiohttp
from aiohttp.client_proto import ResponseHandler
from multidict import CIMultiDictProxy

_MAX_HEADERS = 64
_MAX_LINE = 8190
_BUFFER = 2**16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, its body decoded; ``cut``: the body went on after what was kept."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    cut: bool


async def exchange(
    connection: aiohttp.connector.Connection,
    request: bytes,
    *,
    loop: asyncio.AbstractEventLoop,
    method: str,
    deadline: float,
    most: int,
) -> Answer:
    """Send ``request`` and return its answer with at most ``most`` bytes of decoded body.

    Raises ``TimeoutError`` when the answer is not complete by ``deadline``, in the loop's time. The
    connection goes back to its pool only when nothing of this exchange can still come or go.
    """
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None:
        raise aiohttp.ServerDisconnectedError
    # Whoever waits for the answer is told by the end of the connection.
    out_of_time = loop.call_at(deadline, transport.abort)
    try:
        protocol.set_response_params(
            skip_payload=method == "HEAD",
            read_until_eof=True,
            read_bufsize=_BUFFER,
            max_headers=_MAX_HEADERS,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
        )
        transport.write(request)
        answer = await _answer(protocol, most)
    except BaseException as fault:
        connection.close()
        if isinstance(fault, Exception) and loop.time() >= deadline:
            raise TimeoutError from fault
        raise
    finally:
        out_of_time.cancel()
    if transport.get_write_buffer_size():
        connection.close()  # it was answered before all of it was sent
    else:
        connection.release()
    if loop.time() >= deadline:
        raise TimeoutError  # a body that only the end of the connection ends was ended by us
    return answer


async def _answer(protocol: ResponseHandler, most: int) -> Answer:
    message, payload = await protocol.read()
    while message.code < 200 and message.code != 101:  # the answer itself is still to come
        message, payload = await protocol.read()
    kept = bytearray()
    while len(kept) <= most and (chunk := await payload.readany()):
        kept += chunk
    return Answer(message.code, message.headers, bytes(kept[:most]), len(kept) > most)
