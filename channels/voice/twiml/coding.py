"""The codings in which a media stream carries a telephone call, one channel at 8000 Hz."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from gateway.domain.g711 import alaw_to_pcm, mulaw_to_pcm, pcm_to_alaw, pcm_to_mulaw


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How samples are written; ``octets_per_ms`` tells how long a stretch of octets lasts.

    ``silence`` is one sample of it.
    """

    name: str
    octets_per_ms: int
    silence: bytes
    decode: Callable[[bytes], bytes]
    encode: Callable[[bytes], bytes]


def _swapped(pcm: bytes) -> bytes:
    whole = pcm[: len(pcm) // 2 * 2]
    return np.frombuffer(whole, "<i2").byteswap().tobytes()


def _as_it_is(pcm: bytes) -> bytes:
    return pcm[: len(pcm) // 2 * 2]


MULAW = Coding(
    name="mulaw", octets_per_ms=8, silence=b"\xff", decode=mulaw_to_pcm, encode=pcm_to_mulaw
)
ALAW = Coding(name="alaw", octets_per_ms=8, silence=b"\xd5", decode=alaw_to_pcm, encode=pcm_to_alaw)
L16 = Coding(name="l16", octets_per_ms=16, silence=b"\0\0", decode=_as_it_is, encode=_as_it_is)
"""Linear samples as the machines of every provider write them: the low octet first."""
L16_NETWORK = Coding(
    name="l16-network", octets_per_ms=16, silence=b"\0\0", decode=_swapped, encode=_swapped
)
"""Linear samples in network order, as RFC 2586 has it for ``audio/L16``."""

ENCODINGS: Mapping[str, Coding] = MappingProxyType(
    {
        "audio/x-mulaw": MULAW,
        "audio/mulaw": MULAW,
        "pcmu": MULAW,
        "audio/x-alaw": ALAW,
        "pcma": ALAW,
        "audio/l16": L16,
        "audio/x-l16": L16,
        "l16": L16,
    }
)
"""What a stream's first message may call its coding, in lower case."""
