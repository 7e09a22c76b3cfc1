"""Reads events for many deliveries at once: those asked for together share one query."""

import asyncio

from gateway.store import feed
from gateway.store.engine import Store
from gateway.store.feed import Told


class EventReader:
    """Hands out events by id; whoever asks in the same turn of the loop shares a read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked: dict[str, asyncio.Future[Told | None]] = {}
        self._reads: set[asyncio.Task[None]] = set()

    async def get(self, event_id: str) -> Told | None:
        """Return an event ready to go out; None when the feed does not have it."""
        asked = self._asked.get(event_id)
        if asked is None:
            if not self._asked:
                read = asyncio.create_task(self._read())
                self._reads.add(read)
                read.add_done_callback(self._reads.discard)
            asked = self._asked[event_id] = asyncio.get_running_loop().create_future()
        # One who gives up must not take the answer from the others.
        return await asyncio.shield(asked)

    async def _read(self) -> None:
        asked, self._asked = self._asked, {}
        ids = list(asked)
        try:
            found = await self._store.read(lambda connection: feed.by_ids(connection, ids))
        except Exception as error:
            for future in asked.values():
                future.set_exception(error)
                # Whoever asked hears of it; if all have left, nobody has to.
                future.exception()
        else:
            for event_id, future in asked.items():
                future.set_result(found.get(event_id))
