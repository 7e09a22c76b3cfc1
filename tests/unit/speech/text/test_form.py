"""Word times follow the written text, and marks stand where the speaker paused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.transcript import TranscriptWord
from gateway.speech.engine import Decoded
from gateway.speech.text import Guard, TextForm


def words(*texts: str, pauses: dict[int, int] | None = None) -> tuple[TranscriptWord, ...]:
    """Words of 200 ms, one after another; ``pauses`` in ms before the word of that index."""
    made, now = [], 0
    for index, text in enumerate(texts):
        now += (pauses or {}).get(index, 20)
        made.append(
            TranscriptWord(
                text=text, start_ms=now, end_ms=now + 200, confidence=round(0.5 + index / 100, 2)
            )
        )
        now += 200
    return tuple(made)


def heard(*texts: str, pauses: dict[int, int] | None = None) -> Decoded:
    text = "".join(texts)
    return Decoded(text_raw=text, text=text, words=words(*texts, pauses=pauses))


def test_words_of_one_number_become_one_word_with_the_times_of_all() -> None:
    form = TextForm()(heard("住", "二", "十", "三", "号", "楼"), language="zh", punctuation=True)
    assert form.text == "住23号楼"
    assert [word.text for word in form.words] == ["住", "23", "号", "楼"]
    number = form.words[1]
    assert (number.start_ms, number.end_ms, number.confidence) == (240, 880, 0.51)


def test_a_word_that_holds_a_number_and_more_keeps_both() -> None:
    form = TextForm()(
        heard("电话幺三", "八零零一三八零零零", "谢谢"), language="zh", punctuation=True
    )
    assert [word.text for word in form.words] == ["电话13800138000", "谢谢"]


def test_the_engines_own_text_stays_beside_the_written_one() -> None:
    form = TextForm()(heard("三百二十块"), language="zh", punctuation=True)
    assert (form.text_raw, form.text) == ("三百二十块", "320块")


def test_characters_are_simplified_and_so_are_the_words() -> None:
    form = TextForm()(heard("經濟", "發展", "三百元"), language="zh-CN", punctuation=True)
    assert (form.text_raw, form.text) == ("經濟發展三百元", "经济发展300元")
    assert [word.text for word in form.words] == ["经济", "发展", "300元"]


def test_names_of_the_city_are_guarded() -> None:
    form = TextForm(Guard(["三号院小区"]))(heard("三号院小区"), language="zh", punctuation=True)
    assert form.text == "三号院小区"


def test_pauses_become_marks_for_an_engine_that_sets_none() -> None:
    form = TextForm()(
        heard("路灯", "坏", "了", "没", "人", "修", pauses={3: 500}),
        language="zh",
        punctuation=False,
    )
    assert form.text == "路灯坏了，没人修。"
    assert [word.text for word in form.words][2] == "了，"


def test_a_question_ends_with_its_mark() -> None:
    form = TextForm()(heard("有", "人", "吗"), language="zh", punctuation=False)
    assert form.text == "有人吗？"


def test_a_pause_inside_a_number_sets_no_comma() -> None:
    form = TextForm()(
        heard("幺三八", "零零幺三", "八零零零", pauses={1: 600, 2: 600}),
        language="zh",
        punctuation=False,
    )
    assert form.text == "13800138000。"


def test_an_engine_that_punctuates_is_left_its_own_marks() -> None:
    form = TextForm()(heard("你好，", "有人吗"), language="zh", punctuation=True)
    assert form.text == "你好，有人吗"


def test_english_words_are_joined_with_marks_of_their_own() -> None:
    said = words("the", "light", "is", "broken", pauses={2: 400})
    form = TextForm()(
        Decoded(text_raw="the light is broken", text="the light is broken", words=said),
        language="en",
        punctuation=False,
    )
    assert form.text == "the light, is broken."


def test_words_that_are_not_those_of_the_text_are_left_alone() -> None:
    stray = Decoded(text_raw="三百块", text="三百块", words=words("别", "的"))
    form = TextForm()(stray, language="zh", punctuation=True)
    assert form.text == "300块"
    assert form.words == stray.words


@given(st.lists(st.text(st.sampled_from("一二三十百零号楼块路我，"), min_size=1), max_size=12))
def test_words_joined_give_the_text(texts: list[str]) -> None:
    form = TextForm()(heard(*texts), language="zh", punctuation=True)
    assert "".join(word.text for word in form.words) == form.text


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("噪音扰民,已经一个星期了。", "噪音扰民，已经一个星期了。"),
        ("在哪里?快来!", "在哪里？快来！"),
        ("电话是:3,000", "电话是：3,000"),
        ("OK, thanks", "OK, thanks"),
    ],
)
def test_marks_between_chinese_characters_are_wide(heard: str, written: str) -> None:
    decoded = Decoded(text_raw=heard, text=heard)
    form = TextForm()(decoded, language="zh", punctuation=True)
    assert (form.text, form.text_raw) == (written, heard)


def test_marks_of_english_stay_narrow() -> None:
    decoded = Decoded(text_raw="No, thanks!", text="No, thanks!")
    assert TextForm()(decoded, language="en", punctuation=True).text == "No, thanks!"
