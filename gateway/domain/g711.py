"""G.711 (ITU-T, 1988): the two eight-bit codings in which telephone networks carry speech."""

import numpy as np
import numpy.typing as npt

_BIAS = 0x84
# The largest magnitude that still fits the highest segment, of the 14-bit values before the bias.
_MULAW_CLIP = 8158


def _mulaw_table() -> npt.NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.uint8)
    exponent = ((code >> 4) & 0x07).astype(np.int32)
    mantissa = (code & 0x0F).astype(np.int32)
    magnitude = (((mantissa << 3) + _BIAS) << exponent) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> npt.NDArray[np.int16]:
    code = np.arange(256, dtype=np.uint8) ^ np.uint8(0x55)
    exponent = ((code >> 4) & 0x07).astype(np.int32)
    mantissa = (code & 0x0F).astype(np.int32) << 4
    linear = mantissa + 8
    curved = (mantissa + 0x108) << np.maximum(exponent - 1, 0)
    magnitude = np.where(exponent == 0, linear, curved)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_MULAW = _mulaw_table()
_ALAW = _alaw_table()
_MULAW.setflags(write=False)
_ALAW.setflags(write=False)


def _exponent(magnitude: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    # Segment boundaries are powers of two, so the segment is the bit length beyond eight.
    bits: npt.NDArray[np.int32] = np.frexp(magnitude.astype(np.float32))[1]
    return np.maximum(bits - 8, 0)


def mulaw_to_pcm(data: bytes) -> bytes:
    """Decode µ-law octets into 16-bit little-endian samples (twice as many bytes)."""
    return _MULAW[np.frombuffer(data, np.uint8)].astype("<i2").tobytes()


def alaw_to_pcm(data: bytes) -> bytes:
    """Decode A-law octets into 16-bit little-endian samples (twice as many bytes)."""
    return _ALAW[np.frombuffer(data, np.uint8)].astype("<i2").tobytes()


def pcm_to_mulaw(pcm: bytes) -> bytes:
    """Encode 16-bit little-endian samples as µ-law octets (half as many bytes)."""
    samples = np.frombuffer(pcm, "<i2").astype(np.int32) >> 2
    magnitude = np.minimum(np.abs(samples), _MULAW_CLIP) + (_BIAS >> 2)
    exponent = _exponent(magnitude << 2)
    mantissa = (magnitude >> (exponent + 1)) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    code: npt.NDArray[np.int32] = ~(sign | (exponent << 4) | mantissa) & 0xFF
    return code.astype(np.uint8).tobytes()


def pcm_to_alaw(pcm: bytes) -> bytes:
    """Encode 16-bit little-endian samples as A-law octets (half as many bytes)."""
    samples = np.frombuffer(pcm, "<i2").astype(np.int32)
    # G.711 quantises 13-bit values; a negative one is its complement, so -1 shares a step with 0.
    magnitude = np.where(samples < 0, ~samples, samples)
    exponent = _exponent(magnitude)
    mantissa = (magnitude >> np.where(exponent == 0, 4, exponent + 3)) & 0x0F
    sign = np.where(samples < 0, 0, 0x80)
    code: npt.NDArray[np.int32] = (sign | (exponent << 4) | mantissa) ^ 0x55
    return code.astype(np.uint8).tobytes()
