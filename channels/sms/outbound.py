"""How long an SMS is: GSM 7-bit or UCS-2 units, segments, and cutting a text into messages.

Sources: 3GPP TS 23.038 §6.2.1 (alphabet and its extension table, two septets each), 3GPP TS 23.040
§9.2.3.24.1 (concatenation header: 153 septets or 67 UCS-2 units remain in each segment).
"""

from collections.abc import Iterator, Sequence

from gateway.channel import ContactState, Part, Reply, SendError, SendFailure

SEGMENTS_PER_MESSAGE = 10
"""Telephones join segments reliably up to about ten; Twilio takes 1600 characters at most."""

MESSAGES_PER_REPLY = 5
"""A longer reply does not belong in an SMS; it is refused instead of flooding a telephone."""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")


def is_gsm7(text: str) -> bool:
    """Tell whether ``text`` can travel in the GSM 7-bit alphabet."""
    return all(character in _BASIC or character in _EXTENDED for character in text)


def segments(text: str) -> int:
    """Return how many SMS segments ``text`` takes; no character is cut between two of them."""
    gsm7 = is_gsm7(text)
    total = sum(_size(character, gsm7=gsm7) for character in text)
    if total <= (160 if gsm7 else 70):
        return 1
    used, count = 0, 1
    for character in text:
        size = _size(character, gsm7=gsm7)
        if used + size > (153 if gsm7 else 67):
            used, count = 0, count + 1
        used += size
    return count


def messages(text: str) -> Iterator[str]:
    """Cut ``text`` into as few messages of at most ten segments as possible; joined they are it.

    The whole text decides on the alphabet, so a part that happens to hold only Latin letters is
    never longer than its neighbours.
    """
    gsm7 = is_gsm7(text)
    room = 153 if gsm7 else 67
    start = used = full = 0
    for place, character in enumerate(text):
        size = _size(character, gsm7=gsm7)
        if used + size > room:
            used, full = 0, full + 1
            if full == SEGMENTS_PER_MESSAGE:
                yield text[start:place]
                start, full = place, 0
        used += size
    yield text[start:]


def render(reply: Reply, state: ContactState) -> Sequence[Part]:
    """Cut a reply into SMS messages.

    Raises ``SendError``: ``stopped`` when the citizen wants none, ``invalid`` when it is empty,
    too long, or goes to a contact without a telephone number.
    """
    if state.stopped:
        raise SendError(SendFailure.STOPPED)
    if not reply.text or not reply.contact.startswith("tel:+"):
        raise SendError(SendFailure.INVALID)
    texts = list(messages(reply.text))
    if len(texts) > MESSAGES_PER_REPLY:
        raise SendError(SendFailure.INVALID, code="too_long")
    return [
        Part(
            reply_id=reply.reply_id,
            number=number,
            of=len(texts),
            contact=reply.contact,
            entry=reply.entry,
            text=text,
        )
        for number, text in enumerate(texts, start=1)
    ]


def _size(character: str, *, gsm7: bool) -> int:
    if gsm7:
        return 2 if character in _EXTENDED else 1
    return 2 if ord(character) > 0xFFFF else 1
