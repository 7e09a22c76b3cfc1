"""The way back to a citizen of the web: the status page, which shows every answer of the case."""

from collections.abc import Sequence

from gateway.channel.http import HttpClient
from gateway.channel.outgoing import ContactState, Part, Reply, Sent


class StatusPageSender:
    """Implements ``gateway.channel.Sender``: an answer is there once it is stored.

    Nothing is handed to anybody, so nothing can fail and no wish to be left alone is broken.
    """

    def render(self, reply: Reply, state: ContactState) -> Sequence[Part]:
        """Return the whole reply; a page has room for it."""
        return [
            Part(
                reply_id=reply.reply_id,
                number=1,
                of=1,
                contact=reply.contact,
                entry=reply.entry,
                text=reply.text,
            )
        ]

    async def send(self, part: Part, http: HttpClient) -> Sent:
        """Say that the citizen can read it; the id is that of the reply."""
        return Sent(sent_id=part.reply_id)
