"""A citizen of the web reads answers on the status page: they are there once they are stored."""

from channels.web.outbound import StatusPageSender
from gateway.channel.http import EgressReply, HttpClient
from gateway.channel.outgoing import ContactState, Reply

REPLY = Reply(
    reply_id="01JZZZZZZZZZZZZZZZZZZZZZZZ",
    contact="web:anonymous",
    entry="site",
    text="已派人维修。" * 5000,
    language="zh-CN",
)


class NoNetwork:
    """An HTTP client that nobody may use."""

    async def request(self, *_: object, **__: object) -> EgressReply:
        raise AssertionError("the status page needs no network")


async def test_an_answer_is_shown_whole_and_is_never_late() -> None:
    sender = StatusPageSender()
    (part,) = sender.render(REPLY, ContactState())
    http: HttpClient = NoNetwork()
    assert part.text == REPLY.text
    assert (await sender.send(part, http)).sent_id == REPLY.reply_id
