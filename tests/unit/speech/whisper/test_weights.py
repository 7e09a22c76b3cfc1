"""Trimming a model leaves out tokens, moves the others, and changes nothing else."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models

from gateway.speech.catalogue import ModelError
from gateway.speech.whisper.weights import Vocabulary, chinese, trimmed

WIDTH = 4


def named(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def variable(name: str, shape: tuple[int, ...], kind: int, body: bytes) -> bytes:
    head = named(name) + struct.pack(f"<B{len(shape)}I", len(shape), *shape)
    return head + struct.pack("<BI", kind, len(body)) + body


def a_model(folder: Path, tokens: int, *, version: int = 6) -> bytes:
    rows = np.arange(tokens * WIDTH, dtype=np.float16).reshape(tokens, WIDTH)
    body = struct.pack("<I", version) + named("WhisperSpec") + struct.pack("<II", 3, 2)
    body += variable("decoder/embeddings/weight", (tokens, WIDTH), 4, rows.tobytes())
    body += variable("encoder/num_heads", (), 2, b"\x08\x00")
    body += struct.pack("<I", 1) + named("decoder/projection/weight")
    body += named("decoder/embeddings/weight")
    (folder / "model.bin").write_bytes(body)
    (folder / "config.json").write_text(json.dumps({"suppress_ids": [0, 3], "lang_ids": [4]}))
    (folder / "vocabulary.json").write_text(json.dumps([f"t{at}" for at in range(tokens)]))
    return body


def test_only_the_rows_that_are_kept_remain_in_their_order(tmp_path: Path) -> None:
    before = a_model(tmp_path, 5)
    files = trimmed(tmp_path, Vocabulary.of([1, 3, 4]))
    weights = files["model.bin"]
    assert len(weights) == len(before) - 2 * WIDTH * 2
    rows = np.arange(5 * WIDTH, dtype=np.float16).reshape(5, WIDTH)[[1, 3, 4]]
    assert rows.tobytes() in weights
    assert weights.endswith(before[before.index(named("encoder/num_heads")) :])
    assert json.loads(files["vocabulary.json"]) == ["t1", "t3", "t4"]
    assert json.loads(files["config.json"]) == {
        "suppress_ids": [1],
        "suppress_ids_begin": [],
        "lang_ids": [2],
    }


def test_keeping_every_token_changes_no_byte_of_the_weights(tmp_path: Path) -> None:
    before = a_model(tmp_path, 5)
    assert trimmed(tmp_path, Vocabulary.of(list(range(5))))["model.bin"] == before


def test_a_form_that_is_not_known_is_refused(tmp_path: Path) -> None:
    a_model(tmp_path, 5, version=7)
    with pytest.raises(ModelError, match="another form"):
        trimmed(tmp_path, Vocabulary.of([1]))


def test_numbers_go_there_and_back(tmp_path: Path) -> None:
    vocabulary = Vocabulary.of([1, 3, 4])
    assert vocabulary.into([4, 2, 1]) == [2, 0]
    assert vocabulary.out([2, 0]) == [4, 1]


@pytest.mark.parametrize(
    ("token", "kept"),
    [
        ("ä½ł", True),  # 你
        ("ä½", True),  # the first two bytes of it
        ("ł", True),  # its last
        ("ãĢĤ", True),  # 。
        ("ï¼Į", True),  # ，
        ("2024", True),
        ("Ġ12", True),
        ("ab", True),
        ("Ġthe", False),
        ("ÐŁÑĢ", False),  # Cyrillic
        ("ãģĤ", False),  # kana
        ("ê°Ģ", False),  # Hangul
        ("<|zh|>", True),
        ("<|ko|>", False),
    ],
)
def test_what_writes_chinese_is_kept(token: str, kept: bool) -> None:
    tokenizer = Tokenizer(models.BPE({token: 0}, []))
    specials = frozenset({0} if token == "<|zh|>" else ())
    assert (0 in chinese(tokenizer, specials).places) is kept
