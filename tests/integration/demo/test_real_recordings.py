"""Real people's recordings, called in over the media WebSocket in real time: one draft for each.

Runs when HOTLINE_SPEECH_DATA names a folder of Mandarin WAV files (any depth, any sample rate).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from gateway.demo.cases import Event
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.lifecycle import State
from tests.integration.demo.program import Ports, demo_config, hotline, running, until_shown

VARIABLE = "HOTLINE_SPEECH_DATA"
FOLDER = os.environ.get(VARIABLE)
AT_ONCE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of the sample backend's journal."""

    id: str
    body: Event


def delivered(journal: Path) -> dict[str, list[WorkOrderDraft]]:
    """The newest snapshot of every delivered draft, by the caller's number."""
    newest: dict[str, WorkOrderDraft] = {}
    for line in journal.read_bytes().splitlines():
        draft = msgspec.json.decode(line, type=Told).body.data.draft
        if draft and draft.revision >= getattr(newest.get(draft.draft_id), "revision", 0):
            newest[draft.draft_id] = draft
    of: dict[str, list[WorkOrderDraft]] = {}
    for draft in newest.values():
        of.setdefault(draft.reporter.phone or "", []).append(draft)
    return of


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.skipif(not FOLDER, reason=f"{VARIABLE} names no folder of recordings")
def test_every_real_recording_becomes_exactly_one_delivered_draft_with_its_transcript(
    tmp_path: Path,
) -> None:
    recordings = sorted(Path(FOLDER or "").rglob("*.wav"))
    assert recordings, f"{VARIABLE} names a folder without WAV files"
    ports = Ports.free()
    config = demo_config(tmp_path, ports)
    data = tmp_path / "data"
    server = ["--config", str(config), "--port", str(ports.gateway), "--data", str(data)]
    callers = {f"+86138000{place:05}": wav for place, wav in enumerate(recordings)}
    url = f"http://127.0.0.1:{ports.gateway}"

    def call(number: str) -> str:
        wav = str(callers[number])
        at = ["--url", url, "--config", str(config), "--from", number]
        done = hotline("simulate", "call", "--wav", wav, *at)
        assert done.returncode == 0, f"{wav}: {done.stdout}{done.stderr}"
        return done.stdout

    with running("serve", *server) as gateway:
        gateway.until("ready ")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for said in pool.map(call, callers):
                assert "receipt number heard" in said
        until_shown(f"http://127.0.0.1:{ports.backend}/", "forwarded", times=len(callers))
        assert gateway.end() == 0
    found = delivered(data / "sample-backend.jsonl")
    assert found.keys() == callers.keys()
    for number, drafts in found.items():
        (draft,) = drafts
        assert draft.state is State.FORWARDED
        assert draft.transcript is not None
        assert draft.transcript.segments, callers[number].name
        print(f"{callers[number].name}: {draft.request.content}")
