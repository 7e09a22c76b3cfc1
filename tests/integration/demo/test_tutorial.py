"""The tutorial is true: its commands run as they stand, and print what it says."""

from pathlib import Path

import pytest

from tests.integration.demo.program import (
    ROOT,
    Ports,
    demo_config,
    hotline,
    running,
    shown,
    until_shown,
)
from tests.integration.demo.tutorial import PAGES, Step, made_equal, steps


@pytest.mark.model
def test_following_the_tutorial_prints_what_it_says(tmp_path: Path) -> None:
    start, *others = steps(PAGES / "first-draft.md")
    ports = Ports.free()
    config, data = str(demo_config(tmp_path, ports)), str(tmp_path / "data")
    url = f"http://127.0.0.1:{ports.gateway}"
    here = {
        "simulate": ["--config", config, "--url", url],
        "drafts": ["--config", config, "--data", data],
    }
    assert start.command == "make run"
    at = ["--port", str(ports.gateway), "--config", config, "--data", data]
    with running("serve", *at) as gateway:
        gateway.until("Ctrl-C")
        assert_ends_with(start, "\n".join(gateway.lines), ports)
        for step in (one for one in others if one.words[0] in here):
            done = hotline(*step.words, *here[step.words[0]])
            assert done.returncode == 0, done.stderr
            assert_ends_with(step, done.stdout, ports)
        page = until_shown(f"http://127.0.0.1:{ports.backend}/", "forwarded", times=3)
        assert 'href="/cases/WO-000001"' in page
        assert "受理编号" in shown(f"http://127.0.0.1:{ports.sms}/")
        assert gateway.end() == 0


def assert_ends_with(step: Step, output: str, ports: Ports) -> None:
    """What a command printed ends with what the page shows."""
    expected = made_equal(ports.moved("\n".join(step.prints)))
    assert made_equal(output)[-len(expected) :] == expected if expected else output.strip()


def test_make_run_is_what_the_tutorial_test_starts() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "hotline serve --config $(CONFIG)" in makefile
    assert "CONFIG ?= config/demo.yaml" in makefile
    assert "hotline demo --once" in makefile


def test_both_languages_show_the_same_commands_and_outputs() -> None:
    assert [*steps(PAGES / "first-draft.md")] == [*steps(PAGES / "first-draft.zh-CN.md")]
