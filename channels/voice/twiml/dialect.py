"""One spelling of a media stream's messages, for whoever reads and writes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from channels.voice.twiml import frames, snake
from channels.voice.twiml.profile import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """``parse`` raises ``frames.BadFrame``; the others take the stream's name first."""

    parse: Callable[[str | bytes], frames.Frame | None]
    media: Callable[[str, bytes], str]
    mark: Callable[[str, str], str]
    clear: Callable[[str], str]


DIALECTS: Mapping[Case, Dialect] = MappingProxyType(
    {
        Case.CAMEL: Dialect(
            parse=frames.parse, media=frames.media, mark=frames.mark, clear=frames.clear
        ),
        Case.SNAKE: Dialect(
            parse=snake.parse, media=snake.media, mark=snake.mark, clear=snake.clear
        ),
    }
)
