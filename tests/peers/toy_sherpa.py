"""Tiny sherpa-onnx models that hear "好" wherever there is sound: the real library, toy weights.

The published Mandarin models are hundreds of megabytes behind addresses that a test must not need.
These have the same inputs, outputs and metadata, so the library loads and runs them as the real
ones; what they cannot show is how well anything is understood.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TOKENS = ("<blk>", "<sos/eos>", "<unk>", "好", "<|zh|>", "<|NEUTRAL|>", "<|Speech|>", "<|woitn|>")
_HEARD = TOKENS.index("好")
_CHUNK = 4
_WINDOW = 9


def streaming_transducer(folder: Path) -> None:
    """Write encoder, decoder, joiner and tokens of a streaming LSTM transducer."""
    _tokens(folder)
    _encoder(folder / "encoder-toy.onnx")
    _decoder(folder / "decoder-toy.onnx")
    _joiner(folder / "joiner-toy.onnx")


def sense_voice(folder: Path) -> None:
    """Write a SenseVoice model that hears one "好" in whatever it is given."""
    _tokens(folder)
    size, width = len(TOKENS), 560
    # Four frames of tags come first; after them "好" once, then blanks.
    path = [4, 5, 6, 7, _HEARD, *[0] * 500]
    logits = np.full((1, len(path), size), -10, np.float32)
    logits[0, np.arange(len(path)), path] = 10
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["frames"]),
        helper.make_node("Add", ["frames", "four"], ["ends"]),
        helper.make_node("Slice", ["path", "zero", "ends", "one"], ["logits"]),
        # Inputs that a toy does not use must still be inputs of the graph.
        helper.make_node("Identity", ["x_length"], ["unused_length"]),
        helper.make_node("Identity", ["language"], ["unused_language"]),
        helper.make_node("Identity", ["text_norm"], ["unused_norm"]),
    ]
    _save(
        folder / "model.int8.onnx",
        nodes,
        inputs=[
            _value("x", TensorProto.FLOAT, ["N", "T", width]),
            _value("x_length", TensorProto.INT32, ["N"]),
            _value("language", TensorProto.INT32, ["N"]),
            _value("text_norm", TensorProto.INT32, ["N"]),
        ],
        outputs=[_value("logits", TensorProto.FLOAT, ["N", "L", size])],
        constants={
            "path": logits,
            "zero": np.array([0], np.int64),
            "one": np.array([1], np.int64),
            "four": np.array([4], np.int64),
        },
        meta={
            "model_type": "sense_voice_ctc",
            "version": "1",
            "comment": "toy",
            "maintainer": "toy",
            "vocab_size": str(size),
            "normalize_samples": "0",
            "lfr_window_size": "7",
            "lfr_window_shift": "6",
            "lang_auto": "0",
            "lang_zh": "3",
            "lang_en": "4",
            "lang_yue": "7",
            "lang_ja": "11",
            "lang_ko": "12",
            "with_itn": "14",
            "without_itn": "15",
            "neg_mean": ",".join(["0"] * width),
            "inv_stddev": ",".join(["1"] * width),
        },
    )


def _encoder(path: Path) -> None:
    """One frame out for each chunk: whether it was loud (log energies well above silence)."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["loudness"], axes=[1, 2], keepdims=1),
        helper.make_node("Sub", ["loudness", "threshold"], ["above"]),
        helper.make_node("Tile", ["above", "twice"], ["encoder_out"]),
        helper.make_node("Identity", ["h"], ["next_h"]),
        helper.make_node("Identity", ["c"], ["next_c"]),
    ]
    _save(
        path,
        nodes,
        inputs=[
            _value("x", TensorProto.FLOAT, ["N", _WINDOW, 80]),
            _value("h", TensorProto.FLOAT, [1, "N", 1]),
            _value("c", TensorProto.FLOAT, [1, "N", 1]),
        ],
        outputs=[
            _value("encoder_out", TensorProto.FLOAT, ["N", 1, 2]),
            _value("next_h", TensorProto.FLOAT, [1, "N", 1]),
            _value("next_c", TensorProto.FLOAT, [1, "N", 1]),
        ],
        constants={
            "threshold": np.array([[[-8.0]]], np.float32),
            "twice": np.array([1, 1, 2], np.int64),
        },
        meta={
            "model_type": "lstm",
            "version": "1",
            "model_author": "toy",
            "num_encoder_layers": "1",
            "T": str(_WINDOW),
            "decode_chunk_len": str(_CHUNK),
            "rnn_hidden_size": "1",
            "d_model": "1",
        },
    )


def _decoder(path: Path) -> None:
    """Tell whether the last token was "好"."""
    table = np.zeros((len(TOKENS), 2), np.float32)
    table[_HEARD] = 1
    _save(
        path,
        [
            helper.make_node("Gather", ["y", "last"], ["token"], axis=1),
            helper.make_node("Gather", ["table", "token"], ["decoder_out"], axis=0),
        ],
        inputs=[_value("y", TensorProto.INT64, ["N", 2])],
        outputs=[_value("decoder_out", TensorProto.FLOAT, ["N", 2])],
        constants={"table": table, "last": np.array(1, np.int64)},
        meta={"context_size": "2", "vocab_size": str(len(TOKENS))},
    )


def _joiner(path: Path) -> None:
    """Prefer "好" while it is loud and not said yet, and the blank otherwise."""
    loud = np.zeros((2, len(TOKENS)), np.float32)
    loud[0, _HEARD] = 5
    said = np.zeros((2, len(TOKENS)), np.float32)
    said[0, _HEARD] = -1000
    floor = np.array([0, -50, -50, 0, -50, -50, -50, -50], np.float32)
    _save(
        path,
        [
            helper.make_node("MatMul", ["encoder_out", "loud"], ["from_sound"]),
            helper.make_node("MatMul", ["decoder_out", "said"], ["from_text"]),
            helper.make_node("Sum", ["from_sound", "from_text", "floor"], ["logit"]),
        ],
        inputs=[
            _value("encoder_out", TensorProto.FLOAT, ["N", 2]),
            _value("decoder_out", TensorProto.FLOAT, ["N", 2]),
        ],
        outputs=[_value("logit", TensorProto.FLOAT, ["N", len(TOKENS)])],
        constants={"loud": loud, "said": said, "floor": floor},
        meta={"joiner_dim": "2"},
    )


def _tokens(folder: Path) -> None:
    lines = (f"{token} {place}\n" for place, token in enumerate(TOKENS))
    (folder / "tokens.txt").write_text("".join(lines), "utf-8")


def _value(name: str, kind: int, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def _save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    *,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Mapping[str, np.ndarray],
    meta: Mapping[str, str],
) -> None:
    graph = helper.make_graph(
        list(nodes),
        path.stem,
        list(inputs),
        list(outputs),
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, dict(meta))
    onnx.save(model, str(path))
