"""The title is the first sentence that says something, in the citizen's own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.draft import TITLE_LIMIT
from gateway.understanding import Passage, understand
from gateway.understanding.title import from_words
from tests.unit.understanding.drafts import draft


def title_of(text: str) -> str:
    found = from_words([Passage(text=text)])
    assert found is not None
    return str(found.value)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("喂，您好，我们小区三号楼停水了。", "我们小区三号楼停水了"),
        ("你好，请问是12345吗？我家门口的路灯坏了。", "我家门口的路灯坏了"),
        ("我要反映一下，解放路有个井盖丢了", "解放路有个井盖丢了"),
        ("我想反映一个问题：垃圾桶三天没清", "垃圾桶三天没清"),
        ("您好我想咨询一下居住证怎么办理", "居住证怎么办理"),
        ("请问医保怎么转移？", "医保怎么转移"),
        ("你好，我要投诉楼下烧烤店油烟扰民。", "投诉楼下烧烤店油烟扰民"),
        ("我要投诉。楼上每天半夜装修。", "楼上每天半夜装修"),
        ("我叫王小明，我们楼的电梯坏了三天。", "我们楼的电梯坏了三天"),
        ("嗯。是这样的，水管爆了在漏水", "水管爆了在漏水"),
        ("停水", "停水"),
        ("你好", "你好"),
        ("Hello, the street light is broken.", "the street light is broken"),
        ("I would like to report that the bus never comes", "the bus never comes"),
        ("Hi! No collection since 3.5. It smells.", "No collection since 3.5"),
    ],
)
def test_greetings_and_preambles_are_left_out(text: str, title: str) -> None:
    assert title_of(text) == title


def test_a_long_chinese_sentence_is_cut_where_a_clause_ends() -> None:
    text = "我家楼下的烧烤店每天晚上营业到凌晨两点，油烟很大，影响孩子休息，多次反映没有人管。"
    assert title_of(text) == "我家楼下的烧烤店每天晚上营业到凌晨两点，油烟很大"


def test_a_first_clause_without_a_border_is_cut_at_thirty_chinese_characters() -> None:
    assert title_of("修" * 40) == "修" * 30


def test_a_long_english_clause_is_cut_between_words_within_eighty_characters() -> None:
    text = "the construction site " * 8
    title = title_of(text)
    assert 40 < len(title) <= 80
    assert text.startswith(title + " ")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("电梯坏了三天，请打13800138000联系我。", "电梯坏了三天"),
        ("我的手机是幺三八零零幺三八零零零。电梯坏了三天。", "电梯坏了三天"),
    ],
)
def test_a_telephone_number_stays_out_of_the_title(text: str, title: str) -> None:
    assert title_of(text) == title


def test_the_first_meaningful_segment_of_a_call_gives_the_title() -> None:
    after = understand(draft(channel="voice", segments=("喂你好", "我们村的桥塌了")), {})
    assert after.request.title == "我们村的桥塌了"
    (found,) = after.suggestions or ()
    assert found.evidence is not None
    assert found.evidence[0].source == "2"


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("zh-CN", "未留言来电"),
        (None, "未留言来电"),
        ("en", "Call without a message"),
        ("en-GB", "Call without a message"),
        ("fr", "未留言来电"),
    ],
)
def test_a_call_without_speech_is_named_in_its_language(language: str | None, title: str) -> None:
    assert understand(draft(channel="voice", language=language), {}).request.title == title


def test_silence_in_a_recording_is_a_call_without_a_message() -> None:
    call = draft(channel="voice", segments=(), recorded=True)
    assert understand(call, {}).request.title == "未留言来电"


def test_a_recording_nobody_transcribed_is_not_called_empty() -> None:
    call = draft(channel="voice", recorded=True, language="en")
    assert understand(call, {}).request.title == "Recorded call, not transcribed"


def test_a_picture_without_words_is_named_as_such() -> None:
    assert understand(draft(recorded=True), {}).request.title == "仅含附件的来件"


@given(st.text(min_size=1))
def test_a_title_fits_its_field_and_is_a_piece_of_the_text(text: str) -> None:
    found = from_words([Passage(text=text)])
    if found is not None:
        assert found.value in text
        assert 0 < len(found.value) <= min(TITLE_LIMIT, 80)
