"""Leaves out of a Whisper model the tokens that a language never needs.

Half of what a token costs is the last layer, which weighs every one of 51,865 tokens; written
Chinese uses a quarter of them. The rows of all others are cut out of the embeddings when the model
is loaded; nothing on disk changes. The file is CTranslate2's binary form, version 6: a header, the
variables (name, shape, type, bytes), and the names that are aliases of others.
"""

import io
import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from gateway.speech.catalogue import ModelError

_VERSION = 6
_EMBEDDINGS = "decoder/embeddings/weight"
_ROW_TYPES = {1: 1, 4: 2, 0: 4, 3: 4}
_LONGEST_LATIN = 2


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a loaded model; ``kept`` holds the tokenizer's ids in the model's order."""

    kept: npt.NDArray[np.int64]
    places: dict[int, int]

    @classmethod
    def of(cls, kept: list[int]) -> "Vocabulary":
        """Return the vocabulary that has these tokens of the tokenizer, in order."""
        return cls(np.asarray(kept, np.int64), {token: at for at, token in enumerate(kept)})

    def into(self, tokens: list[int]) -> list[int]:
        """Return the model's numbers of the tokenizer's ``tokens``; those left out are dropped."""
        return [self.places[token] for token in tokens if token in self.places]

    def out(self, tokens: list[int]) -> list[int]:
        """Return the tokenizer's ids of the model's ``tokens``."""
        return [int(self.kept[token]) for token in tokens]


def everything(tokenizer: Tokenizer) -> Vocabulary:
    """Return the whole vocabulary."""
    return Vocabulary.of(list(range(tokenizer.get_vocab_size())))


def chinese(tokenizer: Tokenizer, special: frozenset[int]) -> Vocabulary:
    """Return what writes Chinese, digits, and (letter by letter) foreign words.

    ``special`` are the tokens that are no text; they stay.
    """
    bytes_of = _byte_alphabet()
    kept = []
    for token in range(tokenizer.get_vocab_size()):
        name = tokenizer.id_to_token(token) or ""
        if token in special or _writes_chinese(
            bytes(bytes_of.get(letter, 0xFF) for letter in name)
        ):
            kept.append(token)
    return Vocabulary.of(kept)


def trimmed(folder: Path, vocabulary: Vocabulary) -> dict[str, bytes]:
    """Return the files of the model in ``folder``, reduced to ``vocabulary``.

    Raises ModelError when the model is not of the form that is known here.
    """
    config = json.loads((folder / "config.json").read_text("utf-8"))
    for key in ("suppress_ids", "suppress_ids_begin", "lang_ids"):
        config[key] = vocabulary.into(config.get(key, []))
    names = _names(folder)
    weights = _cut((folder / "model.bin").read_bytes(), vocabulary)
    return {
        "model.bin": weights,
        "config.json": json.dumps(config).encode(),
        "vocabulary.json": json.dumps([names[token] for token in vocabulary.kept]).encode(),
    }


def _names(folder: Path) -> list[str]:
    listed = folder / "vocabulary.json"
    if listed.is_file():
        return [str(name) for name in json.loads(listed.read_text("utf-8"))]
    return (folder / "vocabulary.txt").read_text("utf-8").split("\n")


def _cut(data: bytes, vocabulary: Vocabulary) -> bytes:
    source = _Reader(data)
    out = io.BytesIO()
    if source.number("<I") != _VERSION:
        raise ModelError("the model has another form than the one known here", "fetch it again")
    spec = source.name()
    out.write(struct.pack("<I", _VERSION) + _named(spec))
    out.write(struct.pack("<I", source.number("<I")))
    count = source.number("<I")
    out.write(struct.pack("<I", count))
    for _ in range(count):
        name = source.name()
        shape = [source.number("<I") for _ in range(source.number("<B"))]
        kind = source.number("<B")
        body: bytes | memoryview = source.take(source.number("<I"))
        if name == _EMBEDDINGS:
            width = _ROW_TYPES[kind] * shape[1]
            rows = np.frombuffer(body, np.uint8).reshape(shape[0], width)
            body = rows[vocabulary.kept].tobytes()
            shape[0] = len(vocabulary.kept)
        out.write(_named(name) + struct.pack("<B", len(shape)))
        out.write(struct.pack(f"<{len(shape)}I", *shape))
        out.write(struct.pack("<BI", kind, len(body)) + body)
    out.write(source.rest())
    return out.getvalue()


class _Reader:
    """Reads numbers, names and bytes one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def name(self) -> str:
        return str(bytes(self.take(self.number("<H")))[:-1], "utf-8")

    def take(self, size: int) -> memoryview:
        self._at += size
        return self._data[self._at - size : self._at]

    def rest(self) -> memoryview:
        return self._data[self._at :]


def _named(name: str) -> bytes:
    encoded = name.encode() + b"\0"
    return struct.pack("<H", len(encoded)) + encoded


def _byte_alphabet() -> dict[str, int]:
    """Return the byte behind each letter of a byte-level vocabulary (as GPT-2's)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    return letters | {chr(0x100 + at): byte for at, byte in enumerate(others)}


def _writes_chinese(text: bytes) -> bool:
    if len(text) == 1:
        return True
    if all(byte < 0x80 for byte in text):
        return len(text.strip()) <= _LONGEST_LATIN or text.strip().isdigit()
    # A token may hold parts of a character: judge the leading bytes that are there. E4 to E9 lead
    # the ideographs, E3 80 the punctuation, EF BC the full-width forms.
    at = 0
    while at < len(text):
        lead = text[at]
        if lead < 0x80 or 0x80 <= lead < 0xC0:
            at += 1
            continue
        follows = text[at + 1] if at + 1 < len(text) else None
        if not (
            0xE4 <= lead <= 0xE9
            or (lead == 0xE3 and follows in (None, 0x80))
            or (lead == 0xEF and follows in (None, 0xBC))
            or (lead == 0xE2 and follows in (None, 0x80))
        ):
            return False
        at += 1
    return True
