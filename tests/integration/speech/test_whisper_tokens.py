"""Words come out of tokens whole, with their punctuation."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.speech.loading import default_models_folder
from gateway.speech.whisper.tokens import Specials, read_tokenizer, text_tokens, words_of

pytestmark = pytest.mark.model

TOKENIZER = read_tokenizer(default_models_folder() / "whisper-base")


def words(text: str, *, spaced: bool) -> list[str]:
    tokens = TOKENIZER.encode(text, add_special_tokens=False).ids
    return [word.strip() for word, _, _ in words_of(TOKENIZER, tokens, spaced=spaced)]


def test_a_chinese_word_is_a_character_with_its_punctuation() -> None:
    said = words("我家住在爨底下村,电梯坏了。", spaced=False)
    assert "".join(said) == "我家住在爨底下村,电梯坏了。"
    assert said[-1] == "了。"
    assert "村," in said
    assert "爨" in said


def test_an_english_word_is_what_spaces_part() -> None:
    assert words(" There's a (big) pothole, there.", spaced=True) == [
        "There's",
        "a",
        "(big)",
        "pothole,",
        "there.",
    ]


@given(st.text("我家 的爨ab1，。(", max_size=12))
def test_no_token_belongs_to_two_words(text: str) -> None:
    tokens = TOKENIZER.encode(text, add_special_tokens=False).ids
    found = words_of(TOKENIZER, tokens, spaced=False)
    spans = [(first, last) for _, first, last in found]
    assert all(a < b for a, b in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))


def test_a_request_says_the_language_and_what_was_said_before() -> None:
    specials = Specials.of(TOKENIZER, "zh")
    plain = specials.request([])
    assert TOKENIZER.decode(plain, skip_special_tokens=False) == (
        "<|startoftranscript|><|zh|><|transcribe|><|notimestamps|>"
    )
    lead = text_tokens(TOKENIZER, "经十路。")
    assert specials.request(lead) == [specials.previous, *lead, *plain]


def test_a_language_of_no_model_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Specials.of(TOKENIZER, "tlh")
