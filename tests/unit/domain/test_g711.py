"""G.711 as telephone networks speak it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.g711 import alaw_to_pcm, mulaw_to_pcm, pcm_to_alaw, pcm_to_mulaw


def pcm(*samples: int) -> bytes:
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


def values(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 2], "little", signed=True) for i in range(0, len(data), 2)]


# The ends and the middle of the tables of ITU-T G.711, scaled to 16 bits.
@pytest.mark.parametrize(
    ("code", "sample"), [(0xFF, 0), (0x80, 32124), (0x00, -32124), (0xEF, 132), (0x8F, 16764)]
)
def test_mulaw_decodes_as_the_standard_says(code: int, sample: int) -> None:
    assert values(mulaw_to_pcm(bytes([code]))) == [sample]


@pytest.mark.parametrize(
    ("code", "sample"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0x80, 5504)]
)
def test_alaw_decodes_as_the_standard_says(code: int, sample: int) -> None:
    assert values(alaw_to_pcm(bytes([code]))) == [sample]


def test_silence_is_the_byte_that_telephone_systems_send() -> None:
    assert pcm_to_mulaw(pcm(0, 0)) == b"\xff\xff"
    assert pcm_to_alaw(pcm(0, 0)) == b"\xd5\xd5"


def test_every_mulaw_code_survives_decoding_and_encoding_except_negative_zero() -> None:
    codes = bytes(range(256))
    changed = [
        (before, after)
        for before, after in zip(codes, pcm_to_mulaw(mulaw_to_pcm(codes)), strict=True)
        if before != after
    ]
    assert changed == [(0x7F, 0xFF)]


def test_every_alaw_code_survives_decoding_and_encoding() -> None:
    codes = bytes(range(256))
    assert pcm_to_alaw(alaw_to_pcm(codes)) == codes


@pytest.mark.parametrize(("sample", "code"), [(32767, 0x80), (32636, 0x80), (-32768, 0x00)])
def test_the_loudest_samples_stay_the_loudest(sample: int, code: int) -> None:
    assert pcm_to_mulaw(pcm(sample)) == bytes([code])


@settings(deadline=None)
@given(st.integers(-32768, 32767))
def test_the_error_stays_within_one_step_of_the_segment(sample: int) -> None:
    for there, back in ((pcm_to_mulaw, mulaw_to_pcm), (pcm_to_alaw, alaw_to_pcm)):
        (again,) = values(back(there(pcm(sample))))
        assert abs(again - sample) <= max(16, abs(sample) // 16)
