"""What can go wrong with stored files; never "stored" when it is not."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.channel.errors import StoreBusy
from gateway.domain.errors import GatewayError


class BlobStoreFull(StoreBusy):
    """No room left (disk or quota): nothing was stored, the sender must come again."""

    def __init__(self) -> None:
        super().__init__(
            "the file store is full", "free space on its disk or move blobs.url to a larger one"
        )


class BlobStoreDown(StoreBusy):
    """The disk refused: nothing may be taken as stored, the sender must come again."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the file store cannot be used ({reason})",
            "check the disk and the rights of the directory in blobs.url",
        )


class BlobMissing(GatewayError):
    """No file with this hash is stored."""

    def __init__(self) -> None:
        super().__init__(
            "a stored file is missing", "restore it from the backup of the directory in blobs.url"
        )


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def told_as_store_errors() -> Iterator[None]:
    """Turn every ``OSError`` inside into :class:`BlobStoreFull` or :class:`BlobStoreDown`."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise BlobStoreFull from error
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise BlobStoreDown(name) from error
