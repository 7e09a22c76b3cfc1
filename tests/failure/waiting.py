"""Waiting for something to become true, bounded in time."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until it is so; raises ``TimeoutError``."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
