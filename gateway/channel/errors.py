"""How a channel says no: closed sets that the core knows how to answer."""

from enum import StrEnum

from gateway.domain.errors import GatewayError


class Unverified(GatewayError):
    """The sender could not prove who it is. Answered 403 without any detail; nothing is stored."""

    def __init__(self, why: str) -> None:
        super().__init__(f"unverified request: {why}", "check the account's secret and public URL")


class Malformed(GatewayError):
    """A verified request that makes no sense. Answered 400 (or as the channel says); not stored."""

    def __init__(self, why: str) -> None:
        super().__init__(f"malformed request: {why}", "compare it with the channel's README")


class Conflict(GatewayError):
    """The same idempotency key came with another body. Answered 422; nothing is stored."""

    def __init__(self) -> None:
        super().__init__(
            "this idempotency key was used for another request",
            "send a fresh key for a new request",
        )


class SendFailure(StrEnum):
    """Why a message did not go out; decides what happens next."""

    CONFIG = "config"
    """Our own set-up is wrong (credentials, number): nobody else's message will go out either."""
    INVALID = "invalid"
    """This message or this address can never be sent."""
    UNREACHABLE = "unreachable"
    """Nothing was handed over; trying again is safe."""
    THROTTLED = "throttled"
    """The provider asks to wait; trying again is safe."""
    REJECTED = "rejected"
    """The provider understood and refused; ``code`` says why."""
    STOPPED = "stopped"
    """The citizen does not want messages on this way."""
    WINDOW_CLOSED = "window_closed"
    """The provider allows an answer only for some time after the citizen's last message."""
    UNKNOWN = "unknown"
    """Timed out after the message was handed over: it may have arrived, so never blindly again."""


class SendError(GatewayError):
    """A message did not (certainly) go out; ``retry_after`` is in seconds, if known."""

    def __init__(
        self, kind: SendFailure, *, code: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(
            f"message not sent: {kind}" + (f" (provider code {code})" if code else ""),
            "see the channel's README for provider codes",
        )
        self.kind = kind
        self.code = code
        self.retry_after = retry_after


class StoreBusy(GatewayError):
    """Nothing could be committed just now: tell the sender "busy", never "ok"."""

    def __init__(
        self, message: str = "the store cannot take more just now", cure: str = "try again shortly"
    ) -> None:
        super().__init__(message, cure)
