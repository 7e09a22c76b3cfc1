"""A transcript is judged by what was said, not by how numbers are spelled."""

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.speech.scoring import Score, Scorer, distance

SCORER = Scorer("zh", ["经十路", "三里庄"])


def test_a_number_in_words_is_the_number_in_figures() -> None:
    score = SCORER.score(
        "交了三百二十块，电话幺三八零零幺三八零零零。", "交了320块 电话13800138000"
    )
    assert (score.edits, score.error_rate) == (0, 0.0)
    assert (score.numbers, score.numbers_found, score.number_recall) == (2, 2, 1.0)


def test_a_number_with_one_wrong_figure_is_not_found() -> None:
    score = SCORER.score("电话13800138000", "电话13800138001")
    assert (score.numbers, score.numbers_found) == (1, 0)


def test_traditional_characters_are_no_mistake() -> None:
    assert SCORER.score("经济处在重要关口", "經濟處在重要關口").edits == 0


def test_names_are_found_where_they_are_written_exactly() -> None:
    score = SCORER.score("经十路和三里庄", "经时路和三里庄")
    assert (score.names, score.names_found, score.name_recall) == (2, 1, 0.5)


def test_counts_add_up_over_recordings() -> None:
    total = SCORER.score("路灯坏了", "路灯坏了") + SCORER.score("停水三天", "停水")
    assert total == Score(characters=8, edits=2)
    assert total.error_rate == 0.25


def test_nothing_said_has_no_rate() -> None:
    assert SCORER.score("，。", "喂").error_rate is None


@pytest.mark.parametrize(
    ("said", "heard", "edits"), [("", "ab", 2), ("ab", "", 2), ("abc", "axc", 1)]
)
def test_distance_counts_edits(said: str, heard: str, edits: int) -> None:
    assert distance(said, heard) == edits


@given(
    st.text(st.sampled_from("路灯坏了停水"), min_size=1, max_size=12),
    st.text(st.sampled_from("路灯坏了停水"), max_size=12),
)
def test_distance_agrees_with_another_implementation(said: str, heard: str) -> None:
    assert distance(said, heard) / len(said) == pytest.approx(jiwer.cer(said, heard))
