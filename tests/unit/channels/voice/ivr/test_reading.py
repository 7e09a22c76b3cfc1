"""A flow file is either a whole flow, or a list of what is wrong with it, line by line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice.ivr.nodes import KINDS
from channels.voice.ivr.reading import load, parse
from gateway.config import InvalidConfig
from tests.unit.channels.voice.ivr.conftest import Findings, text_of
from tests.unit.channels.voice.ivr.flows import CALENDARS, SHIPPED

SAY = "first: {kind: say, to: bye}"


def test_the_shipped_flow_uses_every_kind_of_node_but_one() -> None:
    assert KINDS.keys() - {node.kind for node in load(SHIPPED).nodes.values()} == {"confirm"}


def test_the_version_is_the_name_and_a_hash_of_the_content() -> None:
    one = parse(text_of(SAY), Path("a.yaml")).flow.version
    same = parse(text_of(SAY), Path("elsewhere/b.yaml")).flow.version
    other = parse(text_of(SAY + "\n# a word"), Path("a.yaml")).flow.version
    assert one == same != other
    assert one.startswith("test@")


def test_prompts_and_their_texts_are_listed_once() -> None:
    flow = load(SHIPPED)
    names = flow.prompt_names()
    assert len(set(names)) == len(names)
    assert {"greeting", "matter", "please_hold", "thanks"} <= set(names)
    texts = flow.texts()
    assert texts.keys() == {"zh", "en"}
    assert texts["zh"].keys() == texts["en"].keys() < set(names)
    assert "请直接说出" in texts["zh"]["matter"]


def test_a_year_that_no_calendar_knows_is_told() -> None:
    from datetime import UTC, datetime

    flow = load(SHIPPED)
    assert flow.unknown_years(datetime(2026, 6, 1, tzinfo=UTC)) == ()
    # In Shanghai the new year has begun.
    assert flow.unknown_years(datetime(2026, 12, 31, 17, tzinfo=UTC)) == ("cn",)


MISTAKES = {
    "an unknown key": (
        "first:\n  kind: say\n  too: bye\n  to: bye",
        ":10: nodes.first.too: unknown key; did you mean to?",
    ),
    "a missing key": ("first:\n  kind: say", ":8: nodes.first.to: is missing; see docs"),
    "an unknown kind": (
        "first: {kind: meny, to: bye}",
        ":8: nodes.first.kind: is no kind of node; did you mean menu?",
    ),
    "no kind": ("first: {to: bye}", ":8: nodes.first.kind: is missing; write one of menu"),
    "a node that is no group": ("first: bye", ":8: nodes.first: must be a group of keys;"),
    "a name that is none": ("First: {kind: goto, to: bye}", ":8: nodes.First: is no name;"),
    "an unknown target": (
        "first: {kind: say, to: by}",
        ":8: nodes.first.to: leads to no node of this flow; did you mean bye?",
    ),
    "an unknown target of a choice": (
        'first:\n  kind: menu\n  choices:\n    "1": {to: nowhere}',
        ":11: nodes.first.choices.1.to: leads to no node of this flow;",
    ),
    "an unknown target of an outcome": (
        "first:\n  kind: transfer\n  target: a\n  otherwise: bye\n  outcomes:\n    busy: nobody",
        ":13: nodes.first.outcomes.busy: leads to no node of this flow;",
    ),
    "an unknown target of a rule": (
        "first:\n  kind: route\n  otherwise: bye\n  rules:\n    - {when: {busy: true}, to: x}",
        ":12: nodes.first.rules[0].to: leads to no node of this flow;",
    ),
    "a rule about unknown hours": (
        "first:\n  kind: route\n  otherwise: bye\n  rules:\n    - {when: {open: desk}, to: bye}",
        ":12: nodes.first.rules[0].when.open: is no opening hours of this flow;",
    ),
    "a choice that is no key": (
        "first:\n  kind: menu\n  choices:\n    a: {to: bye}",
        ":10: nodes.first.choices: has 'a', which is no key;",
    ),
    "a key with two meanings": (
        'first:\n  kind: menu\n  choices:\n    "0": {to: bye}',
        ":11: nodes.first.choices.0: is the key 0, which means person everywhere;",
    ),
    "a key that ends a statement and repeats": (
        'first: {kind: statement, to: bye, end_keys: "#*"}',
        ":8: nodes.first.end_keys: is the key *, which means repeat everywhere;",
    ),
    "a key that ends a voicemail and is a person": (
        "first: {kind: voicemail, to: bye, end_keys: '0'}",
        ":8: nodes.first.end_keys: is the key 0, which means person everywhere;",
    ),
    "two global keys that are one": (
        'first: {kind: survey, to: bye, globals: {back: "0"}}',
        ":8: nodes.first.globals: give the key 0 two meanings, person and back;",
    ),
    "an end key that is a choice": (
        'first:\n  kind: statement\n  to: bye\n  end_keys: "1"\n  choices:\n    "1": {to: bye}',
        ":11: nodes.first.end_keys: hold the key of a choice;",
    ),
    "yes and no on one key": (
        "first: {kind: menu, choices: {2: {to: ok, set: {a: x}}}}\n"
        'ok: {kind: confirm, slot: a, yes: bye, no: bye, no_key: "1"}',
        ":9: nodes.ok.no_key: is the key for yes too;",
    ),
    "one key for call-back and voicemail": (
        'first: {kind: queue, target: a, otherwise: bye, voicemail_key: "1"}',
        ":8: nodes.first.voicemail_key: is the key for a call-back too;",
    ),
    "an unknown slot": (
        "first: {kind: say, prompts: {digits: reciept_no}, to: bye}",
        ":8: nodes.first.prompts[0].digits: is remembered nowhere in this flow; "
        "did you mean receipt_no?",
    ),
    "a slot of the gateway": (
        "first: {kind: goto, to: bye, set: {query_code: '1'}}",
        ":8: nodes.first.set.query_code: is filled by the gateway itself;",
    ),
    "caller id by keys": (
        "first: {kind: collect, slot: caller, to: bye}",
        ":8: nodes.first.slot: is the caller id and cannot be keyed in;",
    ),
    "too long a value": (
        f"first: {{kind: goto, to: bye, set: {{a: {'x' * 33}}}}}",
        ":8: nodes.first.set: has in a not 1 to 32 characters;",
    ),
    "a value that a state cannot hold": (
        "first: {kind: goto, to: bye, set: {a: 'x\"'}}",
        ":8: nodes.first.set: has in a a character that cannot be kept;",
    ),
    "too many slots": (
        "first: {kind: goto, to: bye, set: {a: x, b: x, c: x, d: x, e: x, f: x, g: x, h: x, i: x}}",
        ":7: nodes: remember more than 8 things;",
    ),
    "a text in one language only": (
        "first: {kind: say, prompts: {name: hi, text: {zh: 好}}, to: bye}",
        ":8: nodes.first.prompts[0].text: has no text in en;",
    ),
    "a text in a language too many": (
        "first: {kind: say, prompts: {name: hi, text: {zh: 好, en: hi, de: hallo}}, to: bye}",
        ":8: nodes.first.prompts[0].text.de: is no language of this flow;",
    ),
    "two texts of one prompt": (
        "first: {kind: say, prompts: {name: hi, text: {zh: 好, en: hi}}, to: more}\n"
        "more: {kind: say, prompts: {name: hi, text: {zh: 好, en: hello}}, to: bye}",
        ":9: nodes.more.prompts[0].text: is not what line 8 says of hi;",
    ),
    "a prompt that says two things": (
        "first: {kind: say, prompts: {name: hi, digits: caller}, to: bye}",
        ":8: nodes.first.prompts[0]: says nothing, or two things;",
    ),
    "a language that is none of the flow": (
        "first: {kind: goto, to: bye, set: {language: fr}}",
        ":8: nodes.first.set.language: is no language of this flow;",
    ),
    "words in an unknown language": (
        'first:\n  kind: menu\n  choices:\n    "1": {to: bye, words: {fr: oui}}',
        ":11: nodes.first.choices.1.words.fr: is no language of this flow;",
    ),
    "a word for two choices": (
        'first:\n  kind: menu\n  choices:\n    "1": {to: bye, words: {zh: 好}}\n'
        '    "2": {to: bye, words: {zh: [是, 好]}}',
        ":12: nodes.first.choices.2.words.zh: hold a word that stands for 1 too;",
    ),
    "spoken digits that are not read back": (
        "first: {kind: collect, slot: a, to: bye, spoken: true}",
        ":8: nodes.first.spoken: takes spoken digits, but bye does not read them back;",
    ),
    "a hold that is a number": (
        "first: {kind: transfer, target: a, otherwise: bye, hold: {digits: caller}}",
        ":8: nodes.first.hold: is not a prompt;",
    ),
    "fewer keys than needed": (
        "first: {kind: collect, slot: a, to: bye, at_least: 5, at_most: 4}",
        ":8: nodes.first: takes at most fewer keys than at least;",
    ),
    "a time that is none": (
        "first: {kind: menu, first: soon, choices: {1: {to: bye}}}",
        ":8: nodes.first.first: is not an amount with a known unit;",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_names_its_line_and_its_cure(mistake: str, findings: Findings) -> None:
    nodes, finding = MISTAKES[mistake]
    (found,) = map(str, findings(nodes))
    assert finding in found


HEADS = {
    "an unknown key": ("langauge: zh", ":7: langauge: unknown key; did you mean languages?"),
    "a calendar that is not there": (
        "calendars: {cn: none.yaml}",
        ":7: calendars.cn: cannot be used; see the findings in none.yaml",
    ),
    "hours without a calendar": (
        "hours: {desk: {calendar: de, workday: '09:00-17:00'}}",
        ":7: hours.desk.calendar: is no calendar of this flow;",
    ),
    "hours that are none": (
        "hours: {desk: {calendar: de, workday: '9-17'}}",
        ":7: hours.desk.workday[0]: is not a time of day; write for example 08:30-17:30",
    ),
}


@pytest.mark.parametrize("mistake", HEADS)
def test_a_mistake_in_the_head_does_too(mistake: str, findings: Findings) -> None:
    head, finding = HEADS[mistake]
    assert finding in "\n".join(map(str, findings(SAY, head=head)))


def test_every_mistake_is_told_at_once(findings: Findings) -> None:
    found = findings("first: {kind: say}\nmore: {kind: saz}\nlast: {kind: goto, to: 1}")
    assert [one.key for one in found] == ["nodes.first.to", "nodes.more.kind", "nodes.last.to"]


@pytest.mark.parametrize("raw", [b"", b"[]", b"a", b"\xff", b"nodes: {a: {kind: [}", b"nodes: []"])
def test_what_is_no_flow_at_all_is_one_finding_or_more(raw: bytes) -> None:
    with pytest.raises(InvalidConfig):
        parse(raw, Path("flow.yaml"))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_flow_or_findings(raw: bytes) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse(raw, Path("flow.yaml"))
    assert caught.value.findings


def test_a_file_that_is_not_there_is_a_finding() -> None:
    with pytest.raises(InvalidConfig, match="cannot be read"):
        load(CALENDARS / "none.yaml")
