"""A rule of the conformance kit: a name, and a plain function that asserts it of one channel."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.contract.kit.channel_under_test import ChannelUnderTest

Check = Callable[[ChannelUnderTest], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """``check`` raises ``AssertionError`` (or whatever escapes the channel) when it is broken."""

    check: Check

    @property
    def name(self) -> str:
        """The rule's name in ``quality.toml``: that of its function."""
        return str(getattr(self.check, "__name__", ""))

    async def apply(self, channel: ChannelUnderTest) -> None:
        """Run the check, whether it is a coroutine or not."""
        outcome = self.check(channel)
        if outcome is not None:
            await outcome
