"""A linter finds where callers would get lost, stuck, or hear nothing."""

from pathlib import Path

import pytest

from channels.voice.ivr.lint import lint
from tests.unit.channels.voice.ivr.conftest import TAIL, text_of
from tests.unit.channels.voice.ivr.flows import SHIPPED

KNOWN = {"zh": {"thanks", "menu", "speak"}, "en": {"thanks", "menu", "speak"}}
MENU = 'first: {kind: menu, prompts: menu, choices: {"1": {to: bye}}}'


def found(tmp_path: Path, nodes: str, *, tail: str = TAIL, head: str = "") -> list[str]:
    path = tmp_path / "flow.yaml"
    path.write_bytes(text_of(nodes, tail=tail, head=head))
    return [str(one).partition("flow.yaml")[2] for one in lint(path, KNOWN)]


def test_a_sound_flow_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path, MENU) == []


def test_the_shipped_flow_is_sound() -> None:
    shipped = {
        "greeting", "recording_notice", "please_speak", "are_you_there", "limit_reached",
        "receipt_number_is", "once_more", "query_code_is", "nothing_heard", "thanks",
    }  # fmt: skip
    assert lint(SHIPPED, {"zh": shipped, "en": shipped}) == ()


@pytest.mark.parametrize(
    ("nodes", "finding"),
    [
        (
            f"{MENU}\nlost: {{kind: goto, to: bye}}",
            ":9: nodes.lost: is never reached; lead to it from somewhere, or drop it",
        ),
        (
            'first: {kind: menu, choices: {"1": {to: a}}, otherwise: bye}\n'
            "a: {kind: say, to: b}\nb: {kind: say, to: a}",
            ":9: nodes.a: is a dead end: no way from here ends the call; add a way out",
        ),
        (
            'first: {kind: menu, choices: {"1": {to: a}}, otherwise: bye}\n'
            "a: {kind: route, rules: [{when: {busy: true}, to: a}], otherwise: bye}",
            ":9: nodes.a: leads back to itself without asking anything; put a question into the "
            "circle, or lead out of it",
        ),
        (
            "first: {kind: survey, to: ask}\n"
            'ask: {kind: menu, globals: {person: off}, choices: {"1": {to: bye}}}',
            ":9: nodes.ask: has no way to a person; let globals.person be a key here",
        ),
        (
            'first: {kind: menu, prompts: [menu, hello], choices: {"1": {to: bye}}}',
            ":8: nodes.first.prompts[1]: has neither recording nor text of hello in zh and en; "
            "write its text, or put a recording of that name into the prompts folder",
        ),
        (
            'first: {kind: menu, prompts: menu, no_match: odd, choices: {"1": {to: bye}}}',
            ":8: nodes.first.no_match[0]: has neither recording nor text of odd in zh and en; "
            "write its text, or put a recording of that name into the prompts folder",
        ),
        ("first: {kind: say, to: by}", ":8: nodes.first.to: leads to no node of this flow; did"),
    ],
)
def test_a_fault_is_found_where_it_is(tmp_path: Path, nodes: str, finding: str) -> None:
    assert any(one.startswith(finding) for one in found(tmp_path, nodes))


def test_a_flow_that_never_hangs_up_is_found(tmp_path: Path) -> None:
    tail = "  person: {kind: queue, target: a, otherwise: bye}\n  bye: {kind: goto, to: first}\n"
    assert ":7: nodes: never end a call; lead to a node of kind hangup" in found(
        tmp_path, MENU, tail=tail
    )


def test_a_person_who_is_nobody_is_found(tmp_path: Path) -> None:
    tail = "  person: {kind: goto, to: bye}\n  bye: {kind: hangup, prompts: thanks}\n"
    assert (
        ":4: person: leads to nobody; let it come to a node of kind queue or transfer or callback "
        "or voicemail"
    ) in found(tmp_path, MENU, tail=tail)


def test_a_text_is_as_good_as_a_recording_unless_recordings_are_demanded(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    menu = MENU.replace("prompts: menu", "prompts: {name: hi, text: {zh: 好, en: hi}}")
    path.write_bytes(text_of(menu))
    assert lint(path, KNOWN) == ()
    (finding,) = lint(path, KNOWN, texts_count=False)
    assert finding.key == "nodes.first.prompts[0]"
