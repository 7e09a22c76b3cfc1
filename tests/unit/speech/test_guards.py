"""What is thrown away as invented, and what never is."""

import pytest

from gateway.speech.guards import invented, repetitive

PROMPT = "以下是普通话的句子。"


def judged(text: str, *, no_speech: float = 0.0, log_probability: float = -0.2) -> bool:
    return invented(text, prompt=PROMPT, no_speech=no_speech, log_probability=log_probability)


@pytest.mark.parametrize("text", ["", "  ", "。。。", "…!"])
def test_a_text_without_a_word_is_invented(text: str) -> None:
    assert judged(text)


@pytest.mark.parametrize(
    "text",
    [
        "谢谢观看",
        "谢谢观看!",
        "字幕由Amara.org社区提供",
        "Thanks for watching!",
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
    ],
)
def test_a_subtitle_ghost_is_invented(text: str) -> None:
    assert judged(text)


def test_the_words_of_a_ghost_inside_a_sentence_are_kept() -> None:
    assert not judged("广场大屏一直放谢谢观看吵得睡不着")


@pytest.mark.parametrize("text", ["以下是普通话的句子。", "普通话的句子"])
def test_an_echo_of_the_prompt_is_invented(text: str) -> None:
    assert judged(text)


def test_a_garbled_echo_is_invented_only_when_the_engine_doubts_that_anybody_spoke() -> None:
    assert judged("以下是普通的句子。", no_speech=0.74)
    assert not judged("以下是普通的句子。", no_speech=0.1)


def test_a_short_answer_that_happens_to_be_in_the_prompt_is_kept() -> None:
    assert not judged("是")


def test_doubt_about_speech_and_about_words_together_condemn_a_text() -> None:
    assert judged("来吧。", no_speech=0.94, log_probability=-2.8)


def test_one_doubt_alone_does_not() -> None:
    assert not judged("漏水了", no_speech=0.94, log_probability=-0.3)
    assert not judged("漏水了", no_speech=0.1, log_probability=-2.8)


def test_a_loop_is_repetitive_and_a_complaint_is_not() -> None:
    assert repetitive("不要再打了" * 20)
    assert not repetitive("小区门口的路灯坏了好几天，晚上出行很不安全，请尽快维修。")
    assert not repetitive("")
