"""Tells what was said from what was recognised: a choice, a command, digits.

Text is compared word by word (Chinese: character by character) without case, spaces and
punctuation. The longest phrase found wins, one that is refused ("不用转人工") does not count, and a
bare number ("一", "one") or a single character ("是") counts only when nothing else is said.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from types import MappingProxyType

_DIGITS: Mapping[str, str] = MappingProxyType(
    {word: digit for digit, words in {
        "0": "零 〇 洞 zero oh",
        "1": "一 幺 壹 one",
        "2": "二 两 贰 two",
        "3": "三 叁 three",
        "4": "四 肆 four",
        "5": "五 伍 five",
        "6": "六 陆 six",
        "7": "七 柒 拐 seven",
        "8": "八 捌 eight",
        "9": "九 玖 勾 nine",
    }.items() for word in words.split()}
)  # fmt: skip

NUMERALS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "zh": {
            "0": ("零",), "1": ("一", "幺"), "2": ("二", "两"), "3": ("三",), "4": ("四",),
            "5": ("五",), "6": ("六",), "7": ("七",), "8": ("八",), "9": ("九",),
        },
        "en": {
            "0": ("zero",), "1": ("one",), "2": ("two",), "3": ("three",), "4": ("four",),
            "5": ("five",), "6": ("six",), "7": ("seven",), "8": ("eight",), "9": ("nine",),
        },
    }
)  # fmt: skip
"""What callers say for a key, per language."""

COMMANDS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "zh": {
            "person": ("转人工", "人工", "人工服务", "接线员", "话务员", "找人工"),
            "repeat": ("重复", "再说一遍", "没听清", "没听清楚", "再听一遍"),
            "back": ("返回", "上一级", "返回上一级"),
            "yes": ("对", "对的", "是", "是的", "没错", "正确", "好的", "可以", "确认"),
            "no": ("不对", "不是", "错了", "不正确", "不可以", "重新输入"),
        },
        "en": {
            "person": ("operator", "agent", "a person", "real person", "human"),
            "repeat": ("repeat", "say that again", "once more", "pardon"),
            "back": ("go back", "back"),
            "yes": ("yes", "correct", "that is right", "right", "okay"),
            "no": ("no", "wrong", "not correct", "incorrect"),
        },
    }
)
"""What callers say for what works everywhere; a flow's own words come on top."""

# What may stand around a command without making it a statement of its own.
_FILLERS_ZH = (
    "请 请问 你好 您好 喂 嗯 啊 呃 哦 那个 我 我要 我想 我想要 要 想 帮我 给我 麻烦 你 您 一下 吧 "
    "呢 呀 啦 谢谢 谢谢你 谢谢您 按 选 选择 号 号键 键 第 个 转 转接 接 找 把 的 服务 到 进入 那 "
    "就 能不能 可不可以 可以 吗 电话 直接"
)
_FILLERS_EN = (
    "please hello hi hey i want would like to the a an can could you me give get speak talk with "
    "number option press thanks thank uh um may need for put through s let d ll service"
)
_FILLERS = (*map(tuple, _FILLERS_ZH.split()), *((word,) for word in _FILLERS_EN.split()))

_BREAK = "|"
_TOKEN = re.compile(r"[a-z]+|\d|[\u3007\u3400-\u9fff\uf900-\ufaff]|[^\s\w]", re.ASCII)
_REFUSED_BEFORE = re.compile(
    r"(不|别|甭|勿|没|没有|无需|不用|不要|不想|不需要|不必|不是)(再|要|想|给我|帮我|给|帮|去|找|转|接|按|选|说|是|用|进行|有)*$"
    r"|\b(no|not|dont|don t|never|without|doesn t|do not)"
    r"( (want|need|to|an|a|the|talk|speak|with|for|me|like|any|my))*$"
)
_REFUSED_AFTER = re.compile(r"^(就|都|我|也)*(不用|不要|不必|算)(了|啦|吧|啊)*$|^ ?(no|not)$")
_QUESTION = re.compile(r"(\S)不\1")


def choice(text: str, phrases: Mapping[str, str]) -> str | None:
    """Return what the phrase found in ``text`` stands for, None when none, or two equals, fit."""
    said = _tokens(text)
    found: dict[int, set[str]] = {}
    for phrase, meaning in phrases.items():
        tokens = _words_only(_tokens(phrase))
        if not tokens:
            continue
        if _says_little(tokens):
            fits = _only(said, tokens)
        else:
            fits = any(not _refused(said, at, len(tokens)) for at in _places(said, tokens))
        if fits:
            found.setdefault(len("".join(tokens)), set()).add(meaning)
    if not found:
        return None
    longest = found[max(found)]
    return longest.copy().pop() if len(longest) == 1 else None


def command(text: str, phrases: Mapping[str, str]) -> str | None:
    """As :func:`choice`, when beside the phrase there is only politeness in ``text``."""
    said = _tokens(text)
    alone = {
        phrase: meaning
        for phrase, meaning in phrases.items()
        if (tokens := _words_only(_tokens(phrase))) and _only(said, tokens)
    }
    return choice(text, alone)


def digits(text: str) -> str:
    """Return the longest run of digits in ``text``, written or spoken; empty when there is none."""
    runs = [""]
    for token in _words_only(_tokens(text)):
        digit = token if token.isdigit() else _DIGITS.get(token)
        if digit is None:
            runs.append("")
        else:
            runs[-1] += digit
    return max(runs, key=len)


def _tokens(text: str) -> tuple[str, ...]:
    # An apostrophe parts no clauses: "don't" reads as two words.
    plain = unicodedata.normalize("NFKC", text).casefold().replace("'", " ").replace("’", " ")
    found = _TOKEN.findall(plain)
    return tuple(map(_token, found))


def _token(found: str) -> str:
    """Return a word as it is, a digit of any script as ASCII's, all else as a break."""
    if found.isdigit():
        return str(unicodedata.digit(found))
    return found if found.isalnum() else _BREAK


def _words_only(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(token for token in tokens if token != _BREAK)


def _says_little(tokens: tuple[str, ...]) -> bool:
    """Tell whether a phrase is part of too many others: a number, a single character."""
    if len(tokens) == 1 and not tokens[0].isascii():
        return True
    return all(token.isdigit() or token in _DIGITS for token in tokens)


def _places(said: tuple[str, ...], tokens: tuple[str, ...]) -> Iterator[int]:
    size = len(tokens)
    return (at for at in range(len(said) - size + 1) if said[at : at + size] == tokens)


def _refused(said: tuple[str, ...], at: int, size: int) -> bool:
    before, after = said[:at], said[at + size :]
    if _BREAK in before:
        before = before[len(before) - before[::-1].index(_BREAK) :]
    if _BREAK in after:
        after = after[: after.index(_BREAK)]
    asked = _QUESTION.sub("", _written(before))
    return bool(_REFUSED_BEFORE.search(asked) or _REFUSED_AFTER.search(_written(after)))


def _written(tokens: tuple[str, ...]) -> str:
    """Tokens as a text again: a space only between words that are written with one."""
    text = ""
    for token in tokens:
        text += f" {token}" if token.isascii() and text[-1:].isascii() and text else token
    return text


def _only(said: tuple[str, ...], tokens: tuple[str, ...]) -> bool:
    """Tell whether a text consists of one phrase and of fillers."""
    words = _words_only(said)
    return any(
        _fillers_only(words[:at]) and _fillers_only(words[at + len(tokens) :])
        for at in _places(words, tokens)
    )


def _fillers_only(tokens: tuple[str, ...]) -> bool:
    """Tell whether tokens can be read as fillers one after the other."""
    reachable = {0}
    for at in range(len(tokens)):
        if at in reachable:
            reachable |= {
                at + len(filler) for filler in _FILLERS if tokens[at : at + len(filler)] == filler
            }
    return len(tokens) in reachable
