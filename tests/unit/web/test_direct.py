"""Known addresses are answered without the router, and everything else as if there were no such."""

import asyncio
from email.utils import parsedate_to_datetime

from aiohttp import ClientSession, web

from gateway.channel.wire import HttpReply
from gateway.web.answers import Answers
from gateway.web.direct import Direct
from gateway.web.server import listening

PATH = "/channels/sms/main"
THANKS = HttpReply(body=b"<Response/>", content_type="text/xml", headers={"X-Kind": "sms"})


def door(reply: HttpReply = THANKS) -> Direct:
    """An address that thanks for whatever comes."""
    answers = Answers()

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        return answers.to(request, reply)

    return Direct("POST", PATH, handle, {})


async def spoken(port: int, request: bytes, *, answers: int = 1) -> bytes:
    """Send something over a connection of its own; return what came until that many answers had."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    heard = b""
    for _ in range(answers):
        heard += await reader.readuntil(THANKS.body)
    writer.close()
    return heard


async def test_the_same_answer_goes_out_alike_the_first_time_and_ever_after() -> None:
    async with listening([door()], "127.0.0.1", 0) as port, ClientSession() as session:
        for _ in range(3):
            async with session.post(f"http://127.0.0.1:{port}{PATH}", data=b"x=1") as answer:
                assert answer.status == 200
                assert answer.headers["Content-Type"] == "text/xml"
                assert answer.headers["X-Kind"] == "sms"
                assert parsedate_to_datetime(answer.headers["Date"]).year >= 2026
                assert await answer.read() == THANKS.body


async def test_what_is_not_exactly_the_address_takes_the_ordinary_way() -> None:
    async with listening([door()], "127.0.0.1", 0) as port, ClientSession() as session:
        base = f"http://127.0.0.1:{port}"
        async with session.get(base + PATH) as answer:
            assert answer.status == 405
        async with session.post(f"{base}{PATH}/more") as answer:
            assert answer.status == 404
        async with session.post(f"{base}{PATH}?a=1", data=b"x") as answer:
            assert await answer.read() == THANKS.body
        async with session.post(base + PATH, data=b"x", expect100=True) as answer:
            assert await answer.read() == THANKS.body


async def until_closed(port: int, request: bytes) -> bytes:
    """Send something; return all that comes until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    heard = await reader.read()
    writer.close()
    return heard


async def test_who_wants_no_open_connection_gets_none() -> None:
    closing = f"POST {PATH} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    old = f"POST {PATH} HTTP/1.0\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
    async with listening([door()], "127.0.0.1", 0) as port:
        for request in (closing, old):
            for _ in range(2):
                assert (await until_closed(port, request.encode())).endswith(THANKS.body)


async def test_requests_sent_in_one_go_are_answered_in_turn() -> None:
    one = f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx".encode()
    async with listening([door()], "127.0.0.1", 0) as port:
        heard = await spoken(port, one * 5, answers=5)
        assert heard.count(b"HTTP/1.1 200 OK") == 5


async def test_a_server_that_stops_says_that_it_closes_the_connection() -> None:
    answers = Answers()
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        if (await request.read()) == b"slow":
            inside.set()
            await go_on.wait()
        return answers.to(request, THANKS)

    async with ClientSession() as session:
        async with listening([Direct("POST", PATH, handle, {})], "127.0.0.1", 0) as port:
            address = f"http://127.0.0.1:{port}{PATH}"
            for _ in range(2):
                await (await session.post(address, data=b"x")).read()
            last = asyncio.create_task(session.post(address, data=b"slow"))
            await inside.wait()
            asyncio.get_running_loop().call_later(0.05, go_on.set)
        answer = await last
        assert await answer.read() == THANKS.body
        assert answer.headers["Connection"] == "close"
