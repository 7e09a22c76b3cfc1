"""Whatever a phone recorded is read by a bounded decoder, and anything else refused in one line."""

import io
import wave
from pathlib import Path

import numpy as np
import pysilk
import pytest

from gateway.speech.audio import AudioError, read_audio
from gateway.speech.audio_files import decode_file
from gateway.speech.decoding import Bounds, run_bounded
from tests.peers.ffmpeg import convert, ffmpeg

ROOT = Path(__file__).parents[3]
CALLER = ROOT / "config" / "demo" / "callers" / "zh2.wav"
SECONDS = 5.8


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("note.ogg", ["-c:a", "libopus"]),
        ("note.webm", ["-c:a", "libopus"]),
        ("note.mp3", []),
        ("note.m4a", []),
        ("stereo.m4a", ["-ar", "48000", "-ac", "2"]),
        ("note.3gp", ["-ar", "8000", "-ac", "1", "-c:a", "aac"]),
        ("note.flac", []),
    ],
)
def test_what_phones_record_is_read(tmp_path: Path, name: str, options: list[str]) -> None:
    audio = read_audio(convert(CALLER, tmp_path / name, *options))
    assert audio.sample_rate == 16000
    assert audio.duration_ms == pytest.approx(SECONDS * 1000, abs=120)
    assert loudness(audio.pcm) > 500


def test_amr_is_read(tmp_path: Path) -> None:
    # Fifty frames of 20 ms at 4.75 kbit/s (RFC 4867, section 5).
    path = tmp_path / "note.amr"
    path.write_bytes(b"#!AMR\n" + (b"\x04" + bytes(range(12))) * 50)
    assert read_audio(path).duration_ms == 1000


@pytest.mark.parametrize("tencent", [True, False])
def test_voice_messages_of_wechat_are_read(tmp_path: Path, tencent: bool) -> None:
    path = silk(tmp_path / "note.silk", tencent=tencent)
    audio = read_audio(path)
    assert audio.sample_rate == 16000
    assert audio.duration_ms == pytest.approx(SECONDS * 1000, abs=120)
    assert loudness(audio.pcm) > 500


def test_without_its_library_a_voice_message_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = silk(tmp_path / "note.silk")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(AudioError, match=r"note\.silk: a SILK voice message.*install silk-python"):
        read_audio(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"nothing to hear"),
        ("archive.zip", b"PK\3\4" + bytes(range(256)) * 8),
        ("encrypted.bin", np.random.default_rng(4).bytes(4000)),
        ("broken.silk", b"\x02#!SILK_V3" + np.random.default_rng(5).bytes(400)),
        ("cut.silk", b"\x02#!SILK_V3"),
        ("zero.bin", bytes(5000)),
    ],
)
def test_what_is_no_recording_is_refused_in_one_line(
    tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AudioError, match=r"no sound that .* can read") as caught:
        read_audio(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_refused_or_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = convert(CALLER, tmp_path / "note.m4a").read_bytes()
    (tmp_path / "cut.m4a").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(AudioError, match="no sound"):
        read_audio(tmp_path / "cut.m4a")
    stream = convert(CALLER, tmp_path / "note.mp3").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(stream[: len(stream) // 2])
    assert 2000 < read_audio(tmp_path / "cut.mp3").duration_ms < 4000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:{}\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile {}\n"),
    ],
)
def test_a_list_of_other_files_opens_none_of_them(tmp_path: Path, name: str, text: str) -> None:
    secret = convert(CALLER, tmp_path / "secret.mp3")
    (tmp_path / name).write_text(text.format(secret), "utf-8")
    with pytest.raises(AudioError, match="no sound"):
        read_audio(tmp_path / name)


def test_what_is_too_long_is_refused_without_reading_all_of_it(tmp_path: Path) -> None:
    note = convert(CALLER, tmp_path / "note.mp3")
    pcm = decode_file(note, longest_s=2)
    assert len(pcm) <= (2 + 2) * 16000 * 2


def test_ten_hours_of_silence_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(4000)
        file.writeframes(b"")
    size = 10 * 3600 * 4000
    header = path.read_bytes()
    path.write_bytes(header[:40] + size.to_bytes(4, "little"))
    with path.open("r+b") as sparse:
        sparse.truncate(44 + size)
    with pytest.raises(AudioError, match=r"long\.wav: longer than 4 hours; cut it"):
        read_audio(path)


def test_the_left_channel_can_be_taken_alone(tmp_path: Path) -> None:
    left_only = convert(CALLER, tmp_path / "left.flac", "-af", "pan=stereo|c0=0*c0|c1=c0")
    assert loudness(read_audio(left_only).pcm) > 500
    assert loudness(read_audio(left_only, channel=0).pcm) < 5


def test_a_decoder_that_hangs_is_killed() -> None:
    with pytest.raises(AudioError, match=r"the decoder did not finish within 0\.2 s"):
        run_bounded(
            ["/bin/sh", "-c", "sleep 60 & sleep 60"],
            CALLER,
            most=10,
            bounds=Bounds(wall_s=0.2),
            name="the decoder",
        )


def test_a_decoder_that_burns_the_processor_is_stopped() -> None:
    with pytest.raises(AudioError, match="more than 1 s of processor time"):
        run_bounded(
            ["/bin/sh", "-c", "while :; do :; done"],
            CALLER,
            most=10,
            bounds=Bounds(cpu_s=1),
            name="the decoder",
        )


def test_a_decoder_can_write_no_file(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no sound"):
        run_bounded(
            ["/bin/sh", "-c", f"sleep 0.2; printf x > {tmp_path}/made && printf ab"],
            CALLER,
            most=10,
            name="the decoder",
        )
    assert not (tmp_path / "made").exists() or (tmp_path / "made").stat().st_size == 0


def test_a_decoder_that_pours_is_cut_off() -> None:
    output = run_bounded(["/bin/sh", "-c", "exec cat /dev/zero"], CALLER, most=5000, name="it")
    assert 5000 < len(output) < 4 << 20


def test_a_decoder_knows_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARI_PASSWORD", "s3cret")
    output = run_bounded(["/bin/sh", "-c", "env"], CALLER, most=5000, name="it")
    assert b"s3cret" not in output


def test_ffmpeg_is_there() -> None:
    assert Path(ffmpeg()).exists()


def silk(path: Path, *, tencent: bool = True) -> Path:
    with wave.open(str(CALLER)) as file:
        pcm, rate = file.readframes(file.getnframes()), file.getframerate()
    with path.open("wb") as target:
        pysilk.encode(io.BytesIO(pcm), target, rate, 24000, tencent=tencent)
    return path


def loudness(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return float(np.sqrt(np.mean(np.square(samples))))
