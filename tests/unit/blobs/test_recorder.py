"""A recording survives whatever ends it, and a disk that fails never ends a call."""

import errno
import io
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.blobs import BlobStoreDown, BlobStoreFull, DirectoryBlobs, DirectoryRecorder

RATE = 8000
SECOND = RATE * 2


@pytest.fixture
async def blobs(tmp_path: Path) -> DirectoryBlobs:
    store = DirectoryBlobs(tmp_path / "blobs")
    await store.open()
    return store


@pytest.fixture
def recorder(blobs: DirectoryBlobs) -> DirectoryRecorder:
    return DirectoryRecorder(blobs)


def samples_of(content: bytes) -> tuple[int, int, bytes]:
    with wave.open(io.BytesIO(content)) as sound:
        assert sound.getsampwidth() == 2
        return sound.getframerate(), sound.getnchannels(), sound.readframes(sound.getnframes())


def incoming(blobs: DirectoryBlobs) -> list[str]:
    return sorted(path.name for path in (blobs.root / "incoming").iterdir())


async def test_a_finished_recording_is_a_wav_file_stored_by_its_content(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder
) -> None:
    recording = await recorder.open("CA1", RATE, 2)
    await recording.write(bytes(range(200)) * 320)
    await recording.write(b"\x01\x02\x03\x04" * 10)
    stored = await recording.finish()
    content = await blobs.read(stored.sha256)
    assert samples_of(content) == (RATE, 2, bytes(range(200)) * 320 + b"\x01\x02\x03\x04" * 10)
    assert stored.size == len(content)
    assert stored.media_type == "audio/wav"
    assert stored.duration_ms == 2001
    assert await recording.finish() == stored


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pieces=st.lists(st.binary(max_size=40_000).map(lambda b: b[: len(b) // 2 * 2]), max_size=6))
async def test_pieces_of_any_length_are_kept_in_order(tmp_path: Path, pieces: list[bytes]) -> None:
    blobs = DirectoryBlobs(tmp_path / "blobs")
    await blobs.open()
    recording = await DirectoryRecorder(blobs).open("CA", RATE, 1)
    for piece in pieces:
        await recording.write(piece)
    stored = await recording.finish()
    assert samples_of(await blobs.read(stored.sha256)) == (RATE, 1, b"".join(pieces))


async def test_the_file_is_a_true_wav_file_after_every_second(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder
) -> None:
    recording = await recorder.open("CA1", RATE, 1)
    await recording.write(b"\x05\x00" * RATE)
    file = blobs.root / "incoming" / "CA1.wav"
    assert samples_of(file.read_bytes()) == (RATE, 1, b"\x05\x00" * RATE)
    assert file.stat().st_mode & 0o777 == 0o600
    await recording.finish()


async def test_a_name_used_twice_keeps_both_recordings(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder
) -> None:
    first = await recorder.open("CA1", RATE, 1)
    second = await recorder.open("CA1", RATE, 1)
    await first.write(b"\x01\x00")
    await second.write(b"\x02\x00")
    await first.finish()
    await second.finish()
    found = await recorder.recover()
    assert [one.name for one in found] == ["CA1", "CA1"]
    assert len({one.recording.sha256 for one in found}) == 2
    await recorder.forget("CA1")
    assert incoming(blobs) == []


@pytest.mark.parametrize("name", ["", "../CA1", "a/b", "a+b", "x" * 101, "电话"])
async def test_a_name_that_could_lead_elsewhere_is_refused(
    recorder: DirectoryRecorder, name: str
) -> None:
    with pytest.raises(BlobStoreDown):
        await recorder.open(name, RATE, 1)


async def test_a_finished_recording_is_found_again_until_it_is_forgotten(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder
) -> None:
    recording = await recorder.open("CA1", RATE, 1)
    await recording.write(b"\x01\x00" * 100)
    stored = await recording.finish()
    again = await DirectoryRecorder(blobs).recover()
    assert [(one.name, one.recording) for one in again] == [("CA1", stored)]
    await recorder.forget("CA1")
    assert await recorder.recover() == []
    assert await blobs.exists(stored.sha256)


async def test_forgetting_spares_other_names_and_recordings_in_progress(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder
) -> None:
    running = await recorder.open("CA1", RATE, 1)
    other = await recorder.open("CA12", RATE, 1)
    await other.write(b"\x01\x00")
    await other.finish()
    await recorder.forget("CA1")
    await recorder.forget("*")
    assert incoming(blobs) == ["CA1.wav", "CA12.wav"]
    await running.finish()


async def test_starting_up_leaves_a_call_of_another_process_alone(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder
) -> None:
    running = await recorder.open("CA1", RATE, 1)
    await running.write(b"\x01\x00" * RATE)
    assert await DirectoryRecorder(blobs).recover() == []
    await running.write(b"\x02\x00" * RATE)
    stored = await running.finish()
    assert stored.duration_ms == 2000


async def test_a_torn_file_is_mended_and_an_empty_one_dropped(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder
) -> None:
    recording = await recorder.open("torn", RATE, 2)
    await recording.write(b"\x01\x00\x02\x00" * 100)
    await recording.finish()
    torn = blobs.root / "incoming" / "torn.wav"
    whole = torn.read_bytes()
    torn.unlink()
    torn.write_bytes(whole[:40] + b"\0\0\0\0" + whole[44:-1])
    (blobs.root / "incoming" / "empty.wav").write_bytes(whole[:44])
    (blobs.root / "incoming" / "other.txt").write_bytes(b"not ours")
    (found,) = await recorder.recover()
    assert found.name == "torn"
    samples = samples_of(await blobs.read(found.recording.sha256))
    assert samples == (RATE, 2, b"\x01\x00\x02\x00" * 99)
    assert incoming(blobs) == ["other.txt", "torn.wav"]


RECORDS_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from gateway.blobs import DirectoryBlobs, DirectoryRecorder

async def record():
    blobs = DirectoryBlobs(Path(sys.argv[1]))
    await blobs.open()
    recording = await DirectoryRecorder(blobs).open("CA-killed", 8000, 1)
    for second in range(1, 1000):
        for _ in range(50):
            await recording.write(bytes([second % 251, 0]) * 160)
        print(second, flush=True)

asyncio.run(record())
"""


def record_and_kill(root: Path, seconds: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RECORDS_UNTIL_KILLED, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if int(line) == seconds:
                break
        process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("seconds", [1, 7])
async def test_a_killed_process_loses_at_most_the_last_second(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder, seconds: int
) -> None:
    record_and_kill(blobs.root, seconds)
    (found,) = await recorder.recover()
    assert found.name == "CA-killed"
    assert found.recording.duration_ms >= (seconds - 1) * 1000
    _, _, samples = samples_of(await blobs.read(found.recording.sha256))
    for second in range(1, seconds):
        assert samples[(second - 1) * SECOND : second * SECOND] == bytes([second, 0]) * RATE


async def test_a_full_disk_ends_the_recording_but_keeps_what_was_written(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = await recorder.open("CA1", RATE, 1)
    await recording.write(b"\x01\x00" * RATE)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(BlobStoreFull):
            await recording.write(b"\x02\x00" * RATE)
    with pytest.raises(BlobStoreFull):
        await recording.write(b"\x03\x00" * RATE)
    stored = await recording.finish()
    assert samples_of(await blobs.read(stored.sha256)) == (RATE, 1, b"\x01\x00" * RATE)


async def test_a_failed_sync_is_never_called_stored(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = await recorder.open("CA1", RATE, 1)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        with pytest.raises(BlobStoreDown):
            await recording.write(b"\x01\x00" * RATE)
    with pytest.raises(BlobStoreDown):
        await recording.finish()
    with pytest.raises(BlobStoreDown):
        await recording.finish()
    assert incoming(blobs) == ["CA1.wav"], "the file is left for the next start"


async def test_nothing_can_be_written_after_the_seal(recorder: DirectoryRecorder) -> None:
    recording = await recorder.open("CA1", RATE, 1)
    await recording.finish()
    with pytest.raises(BlobStoreDown):
        await recording.write(b"\0\0")


async def test_a_recording_that_is_dropped_lets_go_of_its_file(
    blobs: DirectoryBlobs, recorder: DirectoryRecorder
) -> None:
    recording = await recorder.open("CA1", RATE, 1)
    await recording.write(b"\x01\x00" * RATE)
    del recording
    (found,) = await recorder.recover()
    assert found.recording.duration_ms == 1000
