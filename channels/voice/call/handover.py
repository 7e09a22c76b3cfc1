"""What one performer of a call leaves to the next, as text: where the flow is, what was counted."""

import msgspec

from channels.voice.ivr.steps import StaleState


class Handover(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of a call between two performers, such as live audio and a provider's own verbs.

    ``flow`` is the state of the flow, waiting at the step that the next one performs (see
    ``Walk.step``). ``utterances`` and ``notes`` are how many of each were told to the core: whoever
    goes on counts on, so that no two events of a call share a ``dedupe_key``. ``heard_ms`` is how
    much of the call was listened to, ``digits`` the keys so far, ``recordings`` how many there are.
    ``stretch`` tells the events of a call apart that was taken up again after a crash, which lost
    count. ``served`` says that the caller got what he called for: hanging up is no missed call.
    """

    flow: str
    utterances: int = 0
    notes: int = 0
    heard_ms: int = 0
    digits: str = ""
    recordings: int = 0
    stretch: str = ""
    served: bool = False

    def text(self) -> str:
        """Return this as text; ``parse`` reads it back."""
        return msgspec.json.encode(self).decode()

    @staticmethod
    def parse(text: str) -> "Handover":
        """Read what ``text`` wrote; raises ``StaleState`` when it is anything else."""
        try:
            return msgspec.json.decode(text, type=Handover)
        except msgspec.MsgspecError:
            raise StaleState("no state of a call") from None
