"""How a serving process looks for garbage: seldom, and never among what was built at the start."""

import gc

_YOUNG = 10_000
"""Objects that must have piled up before the young ones are looked through.

Python's usual 700 are what ten requests in flight hold, none of it garbage: nearly everything here
is freed by its count. Cycles hold a little memory a little longer for that.
"""
_OLDER = 20
_OLDEST = 20


def collect_rarely() -> None:
    """Take everything that lives now out of the collector's sight; collect seldom from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER, _OLDEST)
    gc.enable()
