"""The prompts that come with the gateway, and the WAV files cities bring themselves."""

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice.ivr.reading import load as load_flow
from channels.voice.ivr.steps import Quantity
from channels.voice.leg import BYTES_PER_MS
from channels.voice.prompts import NAMES, QUANTITIES, SHIPPED, SHIPPED_FLOW, Prompts, load
from channels.voice.prompts.texts import read_texts
from channels.voice.wav import UnusableWav, read_wav
from gateway.config import ConfigError


def wav(
    data: bytes, *, coding: int = 1, width: int = 16, rate: int = 8000, channels: int = 1
) -> bytes:
    block = channels * width // 8
    fmt = struct.pack("<HHIIHH", coding, channels, rate, rate * block, block, width)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_shipped_prompt_loads_and_says_something(language: str) -> None:
    prompts = load(SHIPPED, language, names=(*NAMES, *QUANTITIES))
    for name in (*NAMES, *QUANTITIES):
        assert len(prompts[name]) > 200 * BYTES_PER_MS, name
        assert any(prompts[name]), name


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_shipped_prompt_has_its_text_listed(language: str) -> None:
    listed = read_texts().with_more(load_flow(SHIPPED_FLOW).texts()).texts[language]
    assert {*NAMES, *QUANTITIES} <= listed.keys()
    assert sorted(path.stem for path in (SHIPPED / language).glob("*.wav")) == sorted(listed)


def test_the_shipped_prompts_are_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*.wav")) < 5_000_000


def test_a_number_is_spelled_digit_by_digit_with_room_to_write() -> None:
    prompts = load(SHIPPED, "zh")
    spoken = prompts.spelled("2611210000018")
    digits = sum(len(prompts[f"digit_{digit}"]) for digit in "2611210000018")
    groups, between = 3, 9
    assert len(spoken) == digits + (groups * 450 + between * 120) * BYTES_PER_MS
    assert spoken.startswith(prompts["digit_2"])
    assert spoken.endswith(prompts["digit_8"])


def test_g711_and_plain_samples_are_all_read() -> None:
    samples = struct.pack("<4h", 0, 1000, -1000, 32000)
    assert read_wav(wav(samples)) == samples
    assert read_wav(wav(b"\xff\x00", coding=7, width=8)) == struct.pack("<2h", 0, -32124)
    assert len(read_wav(wav(b"\xd5\x55", coding=6, width=8))) == 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ID3\x04mp3",
        wav(b"\0\0", rate=44100),
        wav(b"\0\0\0\0", channels=2),
        wav(b"\0" * 4, coding=3, width=32),
        wav(b"\0\0")[:30],
    ],
)
def test_what_a_line_cannot_play_is_refused_with_the_cure(content: bytes) -> None:
    with pytest.raises(UnusableWav) as refused:
        read_wav(content)
    assert "8000" in refused.value.cure


@given(content=st.binary(max_size=100), head=st.booleans())
def test_no_bytes_break_the_reader(content: bytes, head: bool) -> None:
    given_bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + content if head else content
    with contextlib.suppress(UnusableWav):
        assert len(read_wav(given_bytes)) % 2 == 0


def test_the_folder_of_the_prompts_carries_its_notice() -> None:
    assert "Kokoro" in Path(SHIPPED / "NOTICE").read_text("utf-8")


def test_a_number_up_to_99_is_counted_from_few_recordings() -> None:
    sound = {name: bytes([place, 0]) for place, name in enumerate(QUANTITIES)}
    prompts = Prompts({"zh": sound}, "zh")

    def counted(value: int) -> list[str]:
        spoken = prompts.render(Quantity(value=value))
        return [QUANTITIES[spoken[place]] for place in range(0, len(spoken), 2)]

    assert counted(7) == ["number_7"]
    assert counted(20) == ["number_20"]
    assert counted(42) == ["number_40", "number_2"]
    assert counted(-1) == ["number_0"]
    assert counted(500) == ["number_90", "number_9"]


def test_the_recording_of_the_city_wins_over_the_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / "zh" / "thanks.wav"
    own.parent.mkdir()
    own.write_bytes(wav(struct.pack("<4h", 1, 2, 3, 4)))
    prompts = load(tmp_path, "zh")
    assert prompts["thanks"] == struct.pack("<4h", 1, 2, 3, 4)
    assert prompts["greeting"] == load(SHIPPED, "zh")["greeting"]


def test_a_missing_recording_is_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no_such\.wav cannot be read") as missing:
        load(tmp_path, "zh", names=["no_such"])
    assert "hotline prompts render" in missing.value.cure
