"""The image: nobody is root, health is checked, and `make fresh` can carry out every step."""

from pathlib import Path

import pytest
import yaml

from tools.bare_debian import PATH, BareDebian
from tools.image_steps import Stage, Step, apply_setting, parse

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = BareDebian(root=Path("/nonexistent"), env={}, binds=[])


def last_stage() -> list[Step]:
    steps = list(parse((ROOT / "Dockerfile").read_text()))
    starts = [place for place, step in enumerate(steps) if step.word == "FROM"]
    return steps[starts[-1] :]


def test_continued_lines_are_one_step_and_comments_are_none() -> None:
    text = "# a comment\nRUN one \\\n    # another comment\n    && two\n\nUSER nobody\n"
    assert list(parse(text)) == [Step("RUN", "one && two"), Step("USER", "nobody")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("PATH=/opt/bin:$PATH A=b", {"PATH": f"/opt/bin:{PATH}", "A": "b"}),
        ("MODEL=whisper-base", {"MODEL": "whisper-base"}),
        ("PIP_INDEX_URL", {}),
    ],
)
def test_settings_of_the_image_are_understood(line: str, expected: dict[str, str]) -> None:
    stage = Stage(machine=NOWHERE)
    apply_setting(line, stage)
    assert stage.env == expected


def test_the_image_runs_as_a_user_of_its_own_and_checks_its_health() -> None:
    steps = {step.word: step.rest for step in last_stage()}
    assert steps["USER"] not in ("", "root", "0")
    assert "/healthz" in steps["HEALTHCHECK"]
    assert {"VOLUME", "EXPOSE", "ENTRYPOINT", "CMD"} <= set(steps)


def test_services_of_the_compose_file_wait_for_what_they_need() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(services) == {"migrate", "ingress", "worker", "postgres", "redis"}
    for role in ("ingress", "worker"):
        assert ["serve", "--role", role] == services[role]["command"][:3]
        assert services[role]["depends_on"]["migrate"] == {
            "condition": "service_completed_successfully"
        }
        assert services[role]["cap_drop"] == ["ALL"]
