"""The provider asks what to do with a call that has no flow here: connect, record, thank.

The answer is TwiML, and nothing is stored: a call is stored when its media stream begins, for only
then is there somebody to listen to.
"""

from collections.abc import Callable, Sequence

from channels.voice.leg import Call
from channels.voice.twiml.profile import Profile
from channels.voice.twiml.proof import Prover
from channels.voice.twiml.webhooks import Signed
from gateway.channel import HttpReply, RawRequest
from gateway.domain.intake import Event, Ignored, Outcome


class Question(Signed):
    """One such question, answered by ``answer``."""

    def __init__(
        self, prover: Prover, profile: Profile, answer: Callable[[Call], HttpReply]
    ) -> None:
        super().__init__(prover, profile)
        self._answer = answer

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Check that the form names a call; raises ``Malformed``."""
        self.call(raw)
        return [Ignored(reason="a question about a call")]

    def answer(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Say what to do with this call."""
        return self._answer(self.call(raw))
