"""How Chinese characters sound, and which sounds callers and recognisers take for one another.

zh/z, ch/c, sh/s, n/l, f/h before u, and -ng/-n fall together in one dialect or another; a
narrow telephone line makes the rest of them alike.
"""

from dataclasses import dataclass
from functools import lru_cache

_MOST_READINGS = 2
_FROM_HU = {
    "hu": "fu",
    "hua": "fa",
    "huai": "fai",
    "huan": "fan",
    "hui": "fei",
    "hun": "fen",
    "huo": "fo",
    "hon": "fen",
}


@dataclass(frozen=True, slots=True)
class Sound:
    """One syllable: as the standard has it, its tone, and its class of alike syllables."""

    syllable: str
    tone: str
    alike: str


def sounds_of(name: str) -> tuple[Sound, ...]:
    """Return how a name is read, in the words it is made of; empty when not all is Chinese."""
    # Half a second to import, for a site that has a lexicon.
    from pypinyin import Style, lazy_pinyin

    read = lazy_pinyin(name, style=Style.TONE3, neutral_tone_with_five=True)
    found = tuple(_sound(one) for one in read if one[-1:].isdigit())
    return found if len(found) == len(name) == len(read) else ()


@lru_cache(maxsize=8192)
def readings(character: str) -> tuple[Sound, ...]:
    """Return the usual readings of one character; none for anything but a Chinese one."""
    if not "\u3400" <= character <= "\u9fff":
        return ()
    from pypinyin import Style, pinyin

    (read,) = pinyin(character, style=Style.TONE3, heteronym=True, neutral_tone_with_five=True)
    return tuple(_sound(one) for one in read[:_MOST_READINGS] if one[-1:].isdigit())


def likeness(said: Sound, meant: Sound) -> float:
    """Return how alike two syllables sound: 1 the same, 0 not alike."""
    if said.syllable == meant.syllable:
        return 1.0 if said.tone == meant.tone else 0.9
    return 0.75 if said.alike == meant.alike else 0.0


def _sound(read: str) -> Sound:
    syllable, tone = read[:-1], read[-1]
    return Sound(syllable=syllable, tone=tone, alike=_alike(syllable))


def _alike(syllable: str) -> str:
    if syllable[:2] in {"zh", "ch", "sh"}:
        syllable = syllable[0] + syllable[2:]
    if syllable.endswith("ng"):
        syllable = syllable[:-1]
    if syllable.startswith("n"):
        syllable = "l" + syllable[1:]
    return _FROM_HU.get(syllable, syllable)
