"""Which part of a provisional text will stay: what two hypotheses in a row agree on.

LocalAgreement-2 (Liu, Spanakis, Niehues 2020, arXiv:2005.11185): text that was once agreed on is
shown unchanged from then on, so that nobody reads a word that is taken back.
"""

_OPEN_END = " .。,，、!！?？…"


class Agreement:
    """The hypotheses of one utterance."""

    def __init__(self) -> None:
        self._last = ""
        self._stable = ""

    def update(self, hypothesis: str) -> tuple[str, int]:
        """Take the next hypothesis; return the text to show and how many characters are stable."""
        # An engine ends every unfinished sentence with a full stop; it is not part of the text yet.
        text = hypothesis.rstrip(_OPEN_END)
        if text.startswith(self._stable):
            agreed = _common(self._last, text)
            if len(agreed) > len(self._stable):
                self._stable = agreed
        else:
            text = self._stable + text[len(self._stable) :]
        self._last = text
        return text, len(self._stable)


def _common(one: str, other: str) -> str:
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return one[:same]
