"""Looks names up in threads of its own, so that a silent name server starves nothing else."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

_THREADS = 16


class NameResolver(AbstractResolver):
    """The operating system's resolver (hosts file included) behind its own thread pool.

    ``getaddrinfo`` cannot be cancelled: a name whose servers do not answer holds a thread for many
    seconds. In the event loop's shared pool a few such names would stop every look-up and file
    operation of the process.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return every address of ``host``; raise ``socket.gaierror`` when there is none."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads,
            lambda: socket.getaddrinfo(
                host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            ),
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Let go of the threads without waiting for a silent name server."""
        self._threads.shutdown(wait=False, cancel_futures=True)
