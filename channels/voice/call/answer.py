"""What a caller says to a question, as it becomes known: first provisionally, then for good."""

from collections.abc import Mapping

from channels.voice.ivr.words import choice, command


class Answer:
    """The spoken answer to one question, said after ``since_ms``.

    What consists of a choice and nothing else is a command to the gateway, not part of the
    caller's matter. With ``first_only`` a choice counts only before anything else was said.
    """

    def __init__(
        self, words: Mapping[str, str], since_ms: int, *, first_only: bool = False
    ) -> None:
        self._words = words
        self._since_ms = since_ms
        self._first_only = first_only
        self.text = ""
        self.choice: str | None = None

    def listen_from(self, since_ms: int) -> None:
        """Count only what is said from now on: what was said before was no answer."""
        self._since_ms = since_ms

    def provisional(self, start_ms: int, text: str, stable_chars: int) -> bool:
        """Take words that the recogniser does not expect to change; tell whether they answer."""
        if self.choice or self.text or start_ms < self._since_ms or stable_chars < len(text):
            return False
        self.choice = command(text, self._words)
        if self.choice is not None:
            self.text = text
        return self.choice is not None

    def final(self, start_ms: int, text: str) -> bool:
        """Take the words of a finished utterance; tell whether they are a command alone."""
        if start_ms < self._since_ms or self.choice is not None:
            return False
        alone = command(text, self._words)
        if self._first_only:
            self.choice = None if self.text else alone
        else:
            self.choice = alone or choice(text, self._words)
        self.text = f"{self.text} {text}".strip()
        return alone is not None and self.choice is not None
