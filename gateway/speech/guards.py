"""Catches the sentences that an engine invents when there is nothing, or little, to hear."""

import re
import zlib
from difflib import SequenceMatcher

_NOT_TEXT = re.compile(r"[\W_]+")

# Subtitles' closing lines that Whisper learned by heart (SYSTRAN/faster-whisper issue 127).
_GHOSTS = tuple(
    _NOT_TEXT.sub("", line)
    for line in (
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "明镜与点点栏目",
        "谢谢观看",
        "感谢观看",
        "谢谢大家观看",
        "字幕由Amara.org社区提供",
        "字幕志愿者",
        "中文字幕志愿者",
        "优优独播剧场",
        "請不吝點贊 訂閱 轉發 打賞支持明鏡與點點欄目",
        "Thanks for watching",
        "Thank you for watching",
        "Subtitles by the Amara.org community",
    )
)
_PROMPT_MIN = 3
_ALIKE = 0.7
# With whisper-base, silence, noise and line tones gave at least 0.59 and at most -0.89; speech on
# a telephone line, some of it at 10 dB over noise, gave at most 0.31 and at least -1.36.
_NO_SPEECH = 0.5
_LOG_PROBABILITY = -0.8
# Whisper's own limit: text that compresses better than this repeats itself.
_COMPRESSION = 2.4


def invented(text: str, *, prompt: str | None, no_speech: float, log_probability: float) -> bool:
    """Say whether ``text`` is not something a caller said.

    ``no_speech`` and ``log_probability`` (mean, per token) are the engine's own doubts: only
    both together condemn a text, for a mumbled sentence is worth more than none.
    """
    bare = _NOT_TEXT.sub("", text)
    if not bare:
        return True
    if no_speech > _NO_SPEECH and log_probability < _LOG_PROBABILITY:
        return True
    if prompt and _echoes(bare, _NOT_TEXT.sub("", prompt), no_speech):
        return True
    # A citizen may say a ghost's words inside a longer sentence; alone they are a ghost.
    return any(bare.casefold() == ghost.casefold() for ghost in _GHOSTS) or (
        len(bare) > _PROMPT_MIN and any(bare.startswith(g) for g in _GHOSTS[:2])
    )


def _echoes(bare: str, prompt: str, no_speech: float) -> bool:
    if len(bare) >= _PROMPT_MIN and bare in prompt:
        return True
    # An echo may be garbled, but then the engine itself doubts that anybody spoke.
    return no_speech > _NO_SPEECH and SequenceMatcher(None, bare, prompt).ratio() > _ALIKE


def repetitive(text: str) -> bool:
    """Say whether the engine fell into a loop."""
    data = text.encode()
    return len(data) > 0 and len(data) / len(zlib.compress(data)) > _COMPRESSION
