"""Tells each press once, although Asterisk tells it twice: over ARI and over the audio line."""

MOST_KEYS = 1000
"""Keys counted in one call; a machine that presses more is not listened to."""

# Nobody presses a key twice within this time; a network that is late repeats itself.
_SAME_PRESS_S = 0.03


class Keys:
    """Counts presses by who told them: the n-th press is news from whoever tells it first.

    A source that was away for a while lags behind; it only ever repeats what is known already,
    until ``forget_sources`` lets all of them begin at the same place again.
    """

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._last: dict[str, tuple[str, float]] = {}
        self._known = 0
        self._base = 0

    def pressed(self, source: str, key: str, at: float) -> bool:
        """Tell whether this press is news.

        ``at`` is when it was made, in seconds of the source's own time: when it reaches us says
        nothing, for a process that stood still for a moment gets several presses at once.
        """
        before, earlier = self._last.get(source, ("", 0.0))
        self._last[source] = key, at
        if key == before and at - earlier < _SAME_PRESS_S:
            return False
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
