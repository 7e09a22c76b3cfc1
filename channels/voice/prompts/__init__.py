"""What a caller hears: recordings known by name, and numbers put together from them.

A city's own recording wins over the one that comes with the gateway; both are files, so nothing is
synthesised while a call waits.
"""

from channels.voice.prompts.recordings import (
    CITY_OR_SHIPPED,
    NAMES,
    SHIPPED,
    SHIPPED_FLOW,
    load,
    path_of,
)
from channels.voice.prompts.spoken import (
    BETWEEN_PROMPTS_MS,
    DIGITS,
    QUANTITIES,
    Prompts,
    silence,
)

__all__ = [
    "BETWEEN_PROMPTS_MS",
    "CITY_OR_SHIPPED",
    "DIGITS",
    "NAMES",
    "QUANTITIES",
    "SHIPPED",
    "SHIPPED_FLOW",
    "Prompts",
    "load",
    "path_of",
    "silence",
]
