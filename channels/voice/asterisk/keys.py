"""Tells each press once, although Asterisk tells it twice: over ARI and over the audio line."""

MOST_KEYS = 1000
"""Keys counted in one call; a machine that presses more is not listened to."""


class Keys:
    """Counts presses by who told them: the n-th press is news from whoever tells it first.

    A source that was away for a while lags behind; it only ever repeats what is known already,
    until ``forget_sources`` lets all of them begin at the same place again.
    """

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._known = 0
        self._base = 0

    def pressed(self, source: str) -> bool:
        """Tell whether this press is news."""
        count = self._told.get(source, self._base) + 1
        self._told[source] = count
        if count <= self._known or count > MOST_KEYS:
            return False
        self._known = count
        return True

    def forget_sources(self) -> None:
        """All sources are together again."""
        self._base = self._known
        self._told.clear()
