"""Reads events for many deliveries at once: those asked for together share one query."""

import asyncio

from gateway.store import feed
from gateway.store.engine import Store
from gateway.store.feed import Told


class EventReader:
    """Hands out events by id; whoever asks in the same turn of the loop shares a read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked: list[tuple[str, asyncio.Future[Told | None]]] = []
        self._reads: set[asyncio.Task[None]] = set()

    async def get(self, event_id: str) -> Told | None:
        """Return an event ready to go out; None when the feed does not have it."""
        if not self._asked:
            read = asyncio.create_task(self._read())
            self._reads.add(read)
            read.add_done_callback(self._reads.discard)
        answer: asyncio.Future[Told | None] = asyncio.get_running_loop().create_future()
        self._asked.append((event_id, answer))
        return await answer

    async def _read(self) -> None:
        asked, self._asked = self._asked, []
        ids = [event_id for event_id, _ in asked]
        try:
            found = await self._store.read(lambda connection: feed.by_ids(connection, ids))
        except Exception as error:
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for event_id, answer in asked:
                if not answer.done():
                    answer.set_result(found.get(event_id))
