"""A flow may be edited while calls go on; a mistake in it changes nothing."""

from pathlib import Path

import pytest

from channels.voice.ivr.flow_file import FlowFile
from channels.voice.ivr.steps import Facts, NoInput, StaleState
from gateway.config import InvalidConfig
from tests.unit.channels.voice.ivr.conftest import text_of
from tests.unit.channels.voice.ivr.flows import NOON

MENU = 'first: {kind: menu, prompts: menu, choices: {"1": {to: bye}}}'
FACTS = Facts(entry="12345", caller=None, at=NOON, language="zh")


class Notes:
    """A log that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **values: object) -> None:
        self.told.append((event, values))

    def warning(self, event: str, **values: object) -> None:
        self.told.append((event, values))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "flow.yaml"
    path.write_bytes(text_of(MENU))
    return path


def test_what_was_edited_leads_the_next_call(path: Path) -> None:
    notes = Notes()
    file = FlowFile(path, notes)
    before = file.walk.version
    path.write_bytes(text_of(MENU.replace("prompts: menu", "prompts: other")))
    assert file.read_again()
    assert file.walk.version != before
    assert notes.told == [("flow_reloaded", {"flow": file.walk.version})]


def test_a_mistake_keeps_the_old_flow_and_is_logged(path: Path) -> None:
    notes = Notes()
    file = FlowFile(path, notes)
    before = file.walk
    path.write_bytes(text_of(MENU.replace("to: bye", "to: by")))
    assert not file.read_again()
    assert file.walk is before
    ((event, values),) = notes.told
    assert event == "flow_not_reloaded"
    assert (values["line"], values["key"]) == (8, "nodes.first.choices.1.to")


def test_a_file_that_vanishes_keeps_the_old_flow(path: Path) -> None:
    file = FlowFile(path, Notes())
    path.unlink()
    assert not file.read_again()
    assert file.walk.begin(FACTS)


def test_reading_the_same_again_changes_nothing(path: Path) -> None:
    notes = Notes()
    file = FlowFile(path, notes)
    assert not file.read_again()
    assert notes.told == []


def test_a_call_under_way_finishes_on_the_flow_it_began_with(path: Path) -> None:
    file = FlowFile(path, Notes())
    state, step = file.walk.begin(FACTS)
    path.write_bytes(text_of(MENU.replace("prompts: menu", "prompts: other")))
    file.read_again()
    walk = file.walk_of(state)
    assert walk is not file.walk
    assert walk.after(state, NoInput(), NOON)[1].parts == step.parts


def test_only_so_many_flows_are_remembered(path: Path) -> None:
    file = FlowFile(path, Notes())
    state, _ = file.walk.begin(FACTS)
    for number in range(10):
        path.write_bytes(text_of(MENU + f"\n# {number}"))
        assert file.read_again()
    with pytest.raises(StaleState):
        file.walk_of(state)


def test_a_file_that_is_wrong_from_the_start_is_refused(path: Path) -> None:
    path.write_bytes(b"flow: x")
    with pytest.raises(InvalidConfig):
        FlowFile(path, Notes())


def test_going_back_to_an_earlier_text_makes_it_the_current_one(path: Path) -> None:
    file = FlowFile(path, Notes())
    first = file.walk.version
    path.write_bytes(text_of(MENU + "\n# more"))
    file.read_again()
    path.write_bytes(text_of(MENU))
    assert file.read_again()
    assert file.walk.version == first
