"""Recordings are read in every form telephone systems write, and refused in one sentence."""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.g711 import alaw_to_pcm, mulaw_to_pcm, pcm_to_alaw, pcm_to_mulaw
from gateway.speech.audio import Audio, AudioError, parse_wav, read_audio

Coding = Callable[[bytes], bytes]
TONE = (np.sin(np.arange(800) / 5) * 12000).astype("<i2")
PCM = TONE.tobytes()


def wav(
    body: bytes,
    *,
    coding: int = 1,
    channels: int = 1,
    rate: int = 8000,
    bits: int = 16,
    size: int | None = None,
    extra: bytes = b"",
) -> bytes:
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", coding, channels, rate, rate * block, block, bits) + extra
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"data" + struct.pack("<I", len(body) if size is None else size) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def test_linear_pcm_is_taken_as_it_is() -> None:
    assert parse_wav(wav(PCM, rate=16000)) == Audio(pcm=PCM, sample_rate=16000)


@pytest.mark.parametrize(
    ("coding", "encode", "decode"),
    [(7, pcm_to_mulaw, mulaw_to_pcm), (6, pcm_to_alaw, alaw_to_pcm)],
    ids=["mulaw", "alaw"],
)
def test_telephone_codings_are_decoded(coding: int, encode: Coding, decode: Coding) -> None:
    audio = parse_wav(wav(encode(PCM), coding=coding, bits=8, extra=b"\0\0"))
    assert audio.pcm == decode(encode(PCM))


def test_wider_samples_keep_their_upper_sixteen_bits() -> None:
    wide = TONE.astype("<i4") << 16
    assert parse_wav(wav(wide.tobytes(), bits=32)).pcm == PCM
    narrow = b"".join(b"\x55" + PCM[i : i + 2] for i in range(0, len(PCM), 2))
    assert parse_wav(wav(narrow, bits=24)).pcm == PCM


def test_eight_bit_pcm_is_unsigned() -> None:
    samples = np.frombuffer(parse_wav(wav(bytes([128, 255, 0]), bits=8)).pcm, "<i2")
    assert samples.tolist() == [0, 127 * 256, -32768]


def test_float_samples_are_scaled_and_clipped() -> None:
    body = np.array([0.0, 1.0, -1.0, 9.0, np.nan], "<f4").tobytes()
    samples = np.frombuffer(parse_wav(wav(body, coding=3, bits=32)).pcm, "<i2")
    assert samples.tolist() == [0, 32767, -32767, 32767, 0]


def test_channels_are_mixed_down() -> None:
    stereo = np.array([[100, 300], [-200, 200]], "<i2").tobytes()
    assert np.frombuffer(parse_wav(wav(stereo, channels=2)).pcm, "<i2").tolist() == [200, 0]


@pytest.mark.parametrize(("channel", "samples"), [(0, [100, -200]), (1, [300, 200])])
def test_one_channel_is_taken_alone(channel: int, samples: list[int]) -> None:
    stereo = np.array([[100, 300], [-200, 200]], "<i2").tobytes()
    audio = parse_wav(wav(stereo, channels=2), channel=channel)
    assert np.frombuffer(audio.pcm, "<i2").tolist() == samples


def test_the_extensible_format_names_its_real_coding() -> None:
    extra = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    assert parse_wav(wav(PCM, coding=0xFFFE, extra=extra)).pcm == PCM


def test_a_stream_of_unknown_length_is_read_to_its_end() -> None:
    assert parse_wav(wav(PCM, size=0xFFFFFFFF)).pcm == PCM


def test_the_duration_is_in_milliseconds() -> None:
    assert parse_wav(wav(PCM)).duration_ms == 100


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (wav(PCM)[:8], "not a WAV"),
        (wav(PCM)[:20], "truncated"),
        (wav(PCM)[:-10], "truncated: 1590 of 1600 bytes"),
        (wav(PCM, rate=0), "0 Hz"),
        (wav(PCM, rate=4_000_000), "4000000 Hz"),
        (wav(PCM, channels=0), "0 channels"),
        (wav(PCM, bits=12), "12 bits"),
        (wav(PCM, coding=85), "coding 85"),
        (wav(b""), "no sound"),
        (wav(PCM, bits=0), "no sound"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "before their format"),
        (b"RIFF\0\0\0\0WAVE", "no sound"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(data: bytes, complaint: str) -> None:
    with pytest.raises(AudioError, match=complaint) as caught:
        parse_wav(data)
    assert caught.value.cure


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 60), st.binary(max_size=8))
def test_any_bytes_are_read_or_refused(tail: bytes, at: int, patch: bytes) -> None:
    data = bytearray(wav(tail))
    data[at : at + len(patch)] = patch
    try:
        audio = parse_wav(bytes(data))
    except AudioError:
        return
    assert len(audio.pcm) % 2 == 0
    assert audio.sample_rate > 0


def test_a_complaint_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(wav(PCM)[:-10])
    with pytest.raises(AudioError, match=r"call\.wav: .*truncated"):
        read_audio(path)


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "call.wav").touch()
    with pytest.raises(AudioError, match="empty"):
        read_audio(tmp_path / "call.wav")


@pytest.mark.parametrize("name", ["absent.wav", "."])
def test_what_is_not_a_file_says_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioError, match=r"No such file|not a file"):
        read_audio(tmp_path / name)


def test_without_ffmpeg_another_format_names_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "call.mp3").write_bytes(b"ID3 whatever")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError, match=r"call\.mp3: not a WAV file.*install ffmpeg"):
        read_audio(tmp_path / "call.mp3")


def stand_in_for_ffmpeg(folder: Path, script: str) -> None:
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o755)


def test_another_format_is_what_ffmpeg_makes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "call.mp3").write_bytes(b"ID3 whatever")
    stand_in_for_ffmpeg(tmp_path, "printf abcd")
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    assert read_audio(tmp_path / "call.mp3") == Audio(pcm=b"abcd", sample_rate=16000)


def test_what_ffmpeg_cannot_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_bytes(b"not sound")
    stand_in_for_ffmpeg(tmp_path, "exit 1")
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    with pytest.raises(AudioError, match=r"notes\.txt: no sound that ffmpeg can read"):
        read_audio(tmp_path / "notes.txt")
