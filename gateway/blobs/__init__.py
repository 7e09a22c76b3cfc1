"""Floor 2: recordings and attachments, stored once under the hash of their content."""

from gateway.blobs.directory import DirectoryBlobs
from gateway.blobs.errors import BlobMissing, BlobStoreDown, BlobStoreFull
from gateway.blobs.recorder import DirectoryRecorder, WavRecording

__all__ = [
    "BlobMissing",
    "BlobStoreDown",
    "BlobStoreFull",
    "DirectoryBlobs",
    "DirectoryRecorder",
    "WavRecording",
]
