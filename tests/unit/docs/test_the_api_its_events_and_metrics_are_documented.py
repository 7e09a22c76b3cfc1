"""The reference pages name every operation, problem, scope, event, metric and channel there is."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from gateway.channel.discovery import discover
from gateway.domain.feed import EVENT_TYPES
from gateway.store.tokens import Scope
from gateway.telemetry.notes import COUNTED, notes
from gateway.telemetry.speech import SpeechMeter
from gateway.web.api.application import Api
from gateway.web.gauges import gauges
from gateway.web.live import LiveMeter
from gateway.web.problems import KINDS
from gateway.web.timing import AckTimes
from tests.integration.web.described import described_api

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"


def table(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table with this first heading: by what the first cell has in code."""
    rows: dict[str, list[str]] = {}
    inside = False
    for line in (REFERENCE / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0] == heading:
            inside = True
        elif inside and not cells:
            break
        elif inside and cells[0].startswith("`"):
            rows[cells[0].split("`")[1]] = cells[1:]
    return rows


@pytest.fixture
def api() -> Api:
    """The API as it is served."""
    return described_api()


def test_every_operation_is_listed_with_its_scope(api: Api) -> None:
    listed = table("api.md", "operation")
    intake = listed.pop("POST /api/v1/intake")
    assert "intake key" in intake[0]
    served = {
        f"{one.method} {one.path}": f"`{one.scope}`"
        if one.scope
        else ("signed" if one.signed else "open")
        for one in api.operations
    }
    assert {name: cells[0] for name, cells in listed.items()} == served


def test_every_problem_is_listed_with_its_status() -> None:
    listed = {code: cells[0] for code, cells in table("api.md", "code").items()}
    assert listed == {code: str(int(kind.status)) for code, kind in KINDS.items()}


def test_every_scope_is_explained() -> None:
    assert list(table("api.md", "scope")) == [scope.value for scope in Scope]


def test_every_event_is_explained() -> None:
    assert list(table("events.md", "type")) == list(EVENT_TYPES)


def test_what_is_reserved_is_not_sent() -> None:
    reserved = {
        name for name, cells in table("events.md", "type").items() if cells[0] == "reserved"
    }
    told = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        told |= set(re.findall(r'tell\(\s*"([a-z_.]+)"', path.read_text(encoding="utf-8")))
    assert told, "the pattern finds no event at all"
    assert reserved & told == set()


def metrics() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Kind and labels of every metric, by the name it is shown under."""
    registry = CollectorRegistry()
    notes(logging.getLogger("unused"), registry)
    gauges(cast(Any, None), Path(), registry)
    AckTimes(registry)
    LiveMeter(registry)
    SpeechMeter.of(notes(logging.getLogger("unused"), CollectorRegistry()), registry)
    found = {}
    for collector in registry._collector_to_names:
        for metric in collector.collect():
            name = metric.name + ("_total" if metric.type == "counter" else "")
            labelled = collector if hasattr(collector, "_labelnames") else metric
            found[name] = (metric.type, tuple(cast(Any, labelled)._labelnames))
    return found


def test_every_metric_is_explained_with_its_labels() -> None:
    listed = {
        name: (cells[0], tuple(re.findall(r"`(\w+)`", cells[1])))
        for name, cells in table("metrics.md", "metric").items()
    }
    assert listed == metrics()
    assert len(listed) > len(COUNTED)


def test_the_alarms_use_metrics_that_exist() -> None:
    text = (REFERENCE / "metrics.md").read_text(encoding="utf-8")
    used = set(re.findall(r"hotline_\w+", text.partition("## Worth an alarm")[2]))
    assert used
    assert {name.removesuffix("_bucket") for name in used} <= metrics().keys()


@pytest.mark.parametrize("kind", sorted(discover()))
def test_every_channel_has_a_readme_that_says_what_it_does(kind: str) -> None:
    readme = (ROOT / "channels" / kind / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# ")
    assert len(readme.splitlines()) > 20
