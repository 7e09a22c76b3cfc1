"""``hotline demo``: every channel through its real protocol, and nothing lost or doubled."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.integration.demo.program import Ports, demo_config, hotline, running, shown
from tests.integration.demo.tutorial import PAGES, made_equal, steps

DRAFTS = {"voice": 3, "sms": 4, "web": 3}


@pytest.fixture(scope="module")
def deaf_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The telephone alone, without a speech model."""
    path = demo_config(tmp_path_factory.mktemp("deaf"), Ports.free())
    text = path.read_text("utf-8")
    start, end = text.index("  - kind: sms"), text.index("endpoints:")
    path.write_text(f"{text[:start]}\n{text[end:]}\nspeech: {{model: null}}\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def both(deaf_config: Path) -> Iterator[tuple[Any, Any]]:
    """The demonstration as shipped, and one that cannot hear; side by side, as calls take time."""
    with ThreadPoolExecutor() as pool:
        usual = pool.submit(hotline, "demo", "--once", "--json")
        deaf = pool.submit(hotline, "demo", "--once", "--json", "--config", str(deaf_config))
        yield usual.result(), deaf.result()


@pytest.fixture
def usual(both: tuple[Any, Any]) -> Any:
    return both[0]


@pytest.fixture
def deaf(both: tuple[Any, Any]) -> Any:
    return both[1]


@pytest.mark.model
def test_every_contact_becomes_exactly_one_delivered_draft(usual: Any) -> None:
    assert usual.returncode == 0, usual.stderr
    found = json.loads(usual.stdout)
    assert (found["lost"], found["duplicates"], found["missing"]) == (0, 0, [])
    assert Counter(draft["channel"] for draft in found["drafts"]) == DRAFTS
    assert {draft["state"] for draft in found["drafts"]} == {"forwarded"}
    assert {one["draft_id"] for one in found["drafts"]} == {
        one["draft_id"] for one in found["deliveries"]
    }
    assert len({one["case"] for one in found["deliveries"]}) == len(found["drafts"])
    assert all(one["acknowledged"] for one in found["deliveries"])


@pytest.mark.model
def test_what_callers_say_is_written_down(usual: Any) -> None:
    calls = [one for one in json.loads(usual.stdout)["drafts"] if one["channel"] == "voice"]
    assert not any(call["transcript_missing"] for call in calls)
    assert any("停电" in call["transcript"] for call in calls)
    assert any("电梯" in call["transcript"] for call in calls), "hung up in mid-sentence"
    assert all("recording" in call["attachments"] for call in calls)


def test_citizens_who_wrote_a_text_are_sent_their_number(usual: Any) -> None:
    assert json.loads(usual.stdout)["citizens_told"] == DRAFTS["sms"]


def test_a_conversation_is_one_draft_with_both_messages(usual: Any) -> None:
    (draft,) = (
        one
        for one in json.loads(usual.stdout)["drafts"]
        if one["contact"] == "two messages about one thing"
    )
    assert "停水" in draft["content"]
    assert "和平路" in draft["content"]


def test_photographs_come_along(usual: Any) -> None:
    drafts = json.loads(usual.stdout)["drafts"]
    with_photo = [one for one in drafts if "photograph" in one["contact"]]
    assert len(with_photo) == 2
    assert all("image" in one["attachments"] for one in with_photo)


def test_people_see_one_line_for_each_draft_and_its_delivery(usual: Any) -> None:
    drafts = json.loads(usual.stdout)["drafts"]
    lines = [line for line in usual.stderr.splitlines() if "→ casework WO-" in line]
    assert sorted(line.split()[0] for line in lines) == sorted(one["receipt_no"] for one in drafts)


@pytest.mark.model
def test_the_last_line_is_the_one_the_tutorial_shows(usual: Any) -> None:
    (step,) = (
        one for one in steps(PAGES / "first-draft.md") if one.command.endswith("demo --once")
    )
    assert made_equal(usual.stderr)[-1:] == made_equal("\n".join(step.prints))


def test_without_a_model_calls_are_recorded_and_delivered_all_the_same(deaf: Any) -> None:
    assert deaf.returncode == 0, deaf.stderr
    found = json.loads(deaf.stdout)
    assert (found["lost"], found["duplicates"], len(found["drafts"])) == (0, 0, DRAFTS["voice"])
    assert all(one["transcript_missing"] for one in found["drafts"])
    assert all("recording" in one["attachments"] for one in found["drafts"])
    assert "calls were recorded but not transcribed" in deaf.stderr


@pytest.fixture
def web_config(tmp_path: Path) -> Path:
    """The form alone, so that a demonstration takes no time."""
    path = demo_config(tmp_path, Ports.free())
    text = path.read_text("utf-8")
    start, end = text.index("  - kind: voice"), text.index("  - kind: web")
    path.write_text(text[:start] + text[end:], "utf-8")
    return path


def test_without_once_it_goes_on_until_it_is_told_to_stop(web_config: Path) -> None:
    with running("demo", "--config", str(web_config)) as demo:
        url = demo.until("ready ").removeprefix("ready ")
        demo.until("Ctrl-C stops it")
        assert "<form" in shown(f"{url}/report")
        assert demo.end() == 0
    assert "3 contacts, 3 drafts, 3 delivered and acknowledged, 0 lost, 0 doubled" in "\n".join(
        demo.lines
    )


def test_data_that_was_named_is_kept_and_a_second_demonstration_over_it_counts_its_own(
    web_config: Path, tmp_path: Path
) -> None:
    data = tmp_path / "kept"
    for _ in range(2):
        done = hotline("demo", "--once", "--config", str(web_config), "--data", str(data))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "3 contacts, 3 drafts, 3 delivered" in done.stdout
    assert (data / "hotline.db").exists()


def test_stopping_it_in_the_middle_is_no_success(tmp_path: Path) -> None:
    config = demo_config(tmp_path, Ports.free())
    with running("demo", "--once", "--config", str(config)) as demo:
        demo.until("10 simulated citizens")
        assert demo.end() == 2
    assert demo.lines[-1] == ("hotline: the demonstration was stopped before its end; run it again")
