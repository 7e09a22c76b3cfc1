"""The one error tree: every failure a person may meet carries what is wrong and how to cure it."""


class GatewayError(Exception):
    """A failure with a message for a person.

    ``message`` says what is wrong and where, ``cure`` what to do about it. Neither ever holds
    a secret or personal data, so both may be printed and logged.
    """

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message}; {self.cure}" if self.cure else self.message
