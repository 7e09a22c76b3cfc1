"""Places of the city are found as they are called and as they sound; the text stays as it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.understanding import Passage, Places, apply, found_in, suggestions
from gateway.understanding.places import MOST, RULE
from gateway.understanding.sounds import readings, sounds_of
from tests.unit.understanding.drafts import draft

CITY = Places(
    [
        *("经十路", "泺源大街", "大观园街道", "杆石桥街道", "七里山街道", "舜耕路", "三里庄"),
        *("洪家楼", "洪家楼街道", "大明湖", "大明湖路", "张坊镇", "历山路", "立山路"),
    ]
)


def found(text: str, *, spoken: bool = True) -> list[tuple[Any, str]]:
    return [
        (one.value, (one.evidence or ())[0].text)
        for one in found_in([Passage(text=text, spoken=spoken)], city=CITY)
        if one.by == RULE
    ]


@pytest.mark.parametrize(
    ("heard", "place", "words"),
    [
        ("我家住在大光园街道", "大观园街道", "大光园街道"),
        ("院子在泺元大街旁边", "泺源大街", "泺元大街"),
        ("静十路堵车", "经十路", "静十路"),
        ("三里装五号院停电", "三里庄", "三里装"),
        ("洪家喽的路灯坏了", "洪家楼", "洪家喽"),
        ("七里善街道办没人管", "七里山街道", "七里善街道"),
        ("感石桥街道这边", "杆石桥街道", "感石桥街道"),
        ("舜跟路停水", "舜耕路", "舜跟路"),
    ],
)
def test_a_misheard_place_is_suggested_with_the_words_it_was_heard_as(
    heard: str, place: str, words: str
) -> None:
    assert found(heard) == [(place, words)]


@pytest.mark.parametrize(
    "text", ["警示录很好看", "我买的房产证", "三楼装修", "打扫街道", "今天天气很好", "13800138000"]
)
def test_other_words_are_no_place(text: str) -> None:
    assert found(text) == []


def test_a_place_that_is_named_needs_no_sound() -> None:
    assert found("大观园街道在大明湖边", spoken=False) == [
        ("大观园街道", "大观园街道"),
        ("大明湖", "大明湖"),
    ]


def test_what_a_citizen_wrote_is_not_compared_by_sound() -> None:
    assert found("大光园街道", spoken=False) == []


def test_a_short_name_stands_for_the_whole_one() -> None:
    assert found("我在大观园附近") == [("大观园街道", "大观园")]


def test_places_that_sound_the_same_are_alternatives() -> None:
    (one,) = found_in([Passage(text="我在丽山路", spoken=True)], city=CITY)[1:]
    assert {one.value, *(one.alternatives or ())} == {"历山路", "立山路"}


def test_confidence_falls_from_written_to_heard_to_sounding_alike() -> None:
    def confidence(text: str, *, spoken: bool) -> float:
        (one,) = (
            one
            for one in found_in([Passage(text=text, spoken=spoken)], city=CITY)
            if one.by == RULE
        )
        return one.confidence

    named, heard = confidence("大观园街道", spoken=False), confidence("大观园街道", spoken=True)
    alike, dialect = confidence("大光园街道", spoken=True), confidence("大光原该道", spoken=True)
    assert named > heard > alike > dialect


def test_a_place_is_suggested_and_never_filled_in() -> None:
    before = draft("我家在大观园街道")
    after = apply(before, suggestions(before, {}, city=CITY))
    assert after.location is None
    assert after.request.content == before.request.content
    assert [one.value for one in after.suggestions or () if one.field == "location.address"] == [
        "大观园街道"
    ]


def test_reading_again_changes_nothing() -> None:
    before = draft("我家在大观园街道")
    once = apply(before, suggestions(before, {}, city=CITY))
    assert apply(once, suggestions(once, {}, city=CITY)) == once


def test_only_so_many_places_are_suggested() -> None:
    text = "经十路泺源大街大观园街道杆石桥街道七里山街道舜耕路三里庄"
    assert len(found(text)) == MOST


def test_sounds_follow_the_words_a_name_is_made_of() -> None:
    assert [one.syllable for one in sounds_of("重庆路")] == ["chong", "qing", "lu"]
    assert sounds_of("B座") == ()
    assert {one.syllable for one in readings("重")} == {"zhong", "chong"}


@given(st.text(st.sampled_from("经十路大观园街道三里庄，。a1洪家楼泺源"), max_size=40))
def test_evidence_reproduces_the_words(text: str) -> None:
    for one in found_in([Passage(text=text, spoken=True)], city=CITY):
        for quote in one.evidence or ():
            assert quote.start is not None
            assert text[quote.start : quote.end] == quote.text
