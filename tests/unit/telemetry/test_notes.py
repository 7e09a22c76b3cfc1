"""What is noted is counted, and shown when the metrics are asked for."""

import logging

from prometheus_client import CollectorRegistry

from gateway.telemetry.notes import COUNTED, notes


def test_a_note_is_counted_by_its_labels_alone() -> None:
    registry = CollectorRegistry()
    note = notes(logging.getLogger("unused"), registry)
    for status in ("accepted", "accepted", "duplicate"):
        note("inbox.received", kind="sms", account="main", status=status, why="not a label")

    def received(status: str) -> float | None:
        labels = {"kind": "sms", "account": "main", "status": status}
        return registry.get_sample_value("hotline_inbox_received_total", labels)

    assert (received("accepted"), received("duplicate"), received("ignored")) == (2, 1, None)


def test_what_has_no_labels_is_shown_before_it_ever_happens() -> None:
    registry = CollectorRegistry()
    note = notes(logging.getLogger("unused"), registry)
    assert registry.get_sample_value("hotline_speech_failed_total") == 0
    note("speech.failed")
    assert registry.get_sample_value("hotline_speech_failed_total") == 1


def test_every_note_that_is_counted_is_a_metric_and_no_other() -> None:
    registry = CollectorRegistry()
    note = notes(logging.getLogger("unused"), registry)
    note("nobody.counts_this", text="x")
    names = {f"hotline_{name.replace('.', '_')}" for name in COUNTED}
    assert {family.name for family in registry.collect()} == names
