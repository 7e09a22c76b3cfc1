"""A prepared key gives the codes that the standard library gives."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from gateway.channel.mac import Mac


@given(st.binary(max_size=200), st.binary(max_size=500))
def test_a_prepared_key_gives_the_standard_library_s_codes(key: bytes, message: bytes) -> None:
    for algorithm in (hashlib.sha1, hashlib.sha256, hashlib.sha512):
        mac = Mac(key, algorithm)
        for said in (message, b"", message):  # one code leaves nothing behind for the next
            assert mac.digest(said) == hmac.digest(key, said, algorithm)


def test_a_key_of_exactly_a_block_is_not_hashed() -> None:
    for size in (63, 64, 65):
        key = b"k" * size
        assert Mac(key, hashlib.sha1).digest(b"x") == hmac.digest(key, b"x", hashlib.sha1)
