"""What was once shown as stable is never taken back."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.speech.agreement import Agreement


def test_the_first_hypothesis_has_nothing_stable() -> None:
    assert Agreement().update("小区门口") == ("小区门口", 0)


def test_what_two_in_a_row_agree_on_is_stable() -> None:
    agreement = Agreement()
    agreement.update("小区门口的鹿")
    assert agreement.update("小区门口的路灯坏了") == ("小区门口的路灯坏了", 5)


def test_a_stable_part_stays_when_the_engine_changes_its_mind() -> None:
    agreement = Agreement()
    agreement.update("小区门口的路")
    agreement.update("小区门口的路灯")
    assert agreement.update("校区门口的路灯坏了") == ("小区门口的路灯坏了", 6)


def test_the_full_stop_of_an_unfinished_sentence_is_not_text() -> None:
    agreement = Agreement()
    agreement.update("小区门口。")
    assert agreement.update("小区门口的路灯。") == ("小区门口的路灯", 4)


@given(st.lists(st.text("路灯坏了。", max_size=8), max_size=12))
def test_the_stable_part_only_grows(hypotheses: list[str]) -> None:
    agreement = Agreement()
    before = ""
    for hypothesis in hypotheses:
        text, stable = agreement.update(hypothesis)
        assert text[:stable].startswith(before)
        before = text[:stable]
