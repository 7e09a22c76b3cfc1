"""Makes drafts of what the dialplan recorded while the gateway was down: each exactly once.

The file's name says whose call it was: ``hotline_<call>_<epoch>_<caller>_<dialled>.wav``. Asterisk
writes the length into its head when the recording is complete. A file is moved only after it was
stored, and storing it twice is harmless.
"""

import asyncio
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from channels.voice import events
from channels.voice.leg import BYTES_PER_MS, Call
from channels.voice.wav import UnusableWav, read_wav
from gateway.channel import Ports
from gateway.channel.errors import StoreBusy
from gateway.channel.ports import Sink
from gateway.channel.speech import StoredRecording
from gateway.domain.contact import e164
from gateway.domain.intake import CallMoment

DONE, REFUSED = "done", "refused"
CAUSE = "recorded_by_pbx"
LOOK_EVERY_S = 5.0
# Asterisk died while it recorded: nothing will ever write the length.
_ABANDONED_S = 15 * 60.0
# An hour of telephone audio; the dialplan records ten minutes at most.
_HEAD = 44
_LARGEST = 64 * 1024 * 1024
_SHORTEST_MS = 300
_NAME = re.compile(
    r"hotline_(?P<call>[0-9A-Za-z.\-]{1,150})_(?P<epoch>[0-9]{1,10})"
    r"_(?P<caller>\+?[0-9]{0,32})_(?P<dialled>\+?[0-9]{1,32})\.wav"
)


class _Refused(Exception):
    """A file that no draft can be made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageRecordings:
    """Looks into one folder."""

    folder: Path
    ports: Ports

    async def run(self, sink: Sink) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            try:
                await self.take_all(sink)
            except Exception as error:  # one bad file must not keep all later ones out
                self.ports.log.warning("outage_recordings_failed", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def take_all(self, sink: Sink) -> int:
        """Take every complete recording; returns how many drafts came of it."""
        taken = 0
        for path in await asyncio.to_thread(self._complete):
            try:
                taken += await self._take(path, sink)
            except StoreBusy:
                break  # all of them stay where they are
            except OSError as error:
                self.ports.log.warning("outage_recording_unreadable", error=type(error).__name__)
        return taken

    async def _take(self, path: Path, sink: Sink) -> bool:
        try:
            call, at = _whose(path.name, self.ports.site.region)
            content = await asyncio.to_thread(_content, path)
            duration_ms = len(read_wav(content)) // BYTES_PER_MS
            if duration_ms < _SHORTEST_MS:
                raise _Refused("empty")
        except (_Refused, UnusableWav) as refused:
            await asyncio.to_thread(self._move, path, REFUSED)
            self.ports.log.warning("outage_recording_refused", why=str(refused))
            return False
        recording = StoredRecording(
            sha256=await self.ports.uploads.put(content),
            size=len(content),
            duration_ms=duration_ms,
            media_type="audio/wav",
        )
        began = events.started(call, at, self.ports.site.language)
        ended = events.ended(
            call,
            CallMoment.ENDED,
            at=at + timedelta(milliseconds=duration_ms),
            cause=CAUSE,
            digits="",
            duration_ms=duration_ms,
            recording=events.media(call, 1, recording),
            transcript_missing="the gateway was not there; the PBX recorded",
        )
        await sink.commit([began, ended])
        await asyncio.to_thread(self._move, path, DONE)
        self.ports.log.info("outage_recording_taken", call=call.call_id)
        return True

    def _complete(self) -> Sequence[Path]:
        now = self.ports.clock.now().timestamp()
        return sorted(
            path
            for path in self.folder.glob("*.wav")
            if path.is_file()
            and (_has_its_length(path) or now - path.stat().st_mtime > _ABANDONED_S)
        )

    def _move(self, path: Path, where: str) -> None:
        target = self.folder / where
        target.mkdir(exist_ok=True)
        path.replace(target / path.name)


def _has_its_length(path: Path) -> bool:
    """Tell whether a file's head says as much as there is; also true of what is no such file."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        return False
    if len(head) < _HEAD or head[:4] != b"RIFF" or head[36:40] != b"data":
        return True
    length: int = struct.unpack_from("<I", head, 40)[0]
    return length > 0 and path.stat().st_size >= _HEAD + length


def _whose(name: str, region: str) -> tuple[Call, datetime]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise _Refused("a name that says nothing")
    number = found["caller"]
    at = datetime.fromtimestamp(int(found["epoch"]), UTC)
    call = Call(
        # The gateway may have held the first part of this call; that has a draft of its own.
        call_id=f"{found['call']}-pbx",
        caller=(e164(number, region) or f"sip:{number}") if number else None,
        dialled=found["dialled"],
        began_at=at,
    )
    return call, at


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise _Refused("too long")
    if content[36:40] == b"data" and not content[40:44].strip(b"\0"):
        # Broken off: what is there is kept.
        content = content[:40] + struct.pack("<I", len(content) - _HEAD) + content[_HEAD:]
    return content
