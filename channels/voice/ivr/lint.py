"""What is wrong with a flow that can be walked: calls would get lost, stuck or silent in it.

The gateway starts with such a flow, for its engine never lets a call hang; callers would notice.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from channels.voice.ivr.flow import Flow
from channels.voice.ivr.nodes import AnyNode, Asking, HangUp, Lookup, Survey
from channels.voice.ivr.reading import read
from channels.voice.ivr.values import OFF
from gateway.config import Finding, InvalidConfig
from gateway.config.gathering import Gathering

_PEOPLE = ("queue", "transfer", "callback", "voicemail")

Known = Mapping[str, Collection[str]]
"""Names of the prompts that there are recordings or texts for, by language."""


def lint(path: Path, known: Known, *, texts_count: bool = True) -> tuple[Finding, ...]:
    """Return everything that is wrong with a flow file, in the order of its lines.

    A prompt needs a recording (``known``) or, when ``texts_count``, a text in the flow itself.
    """
    try:
        reading = read(path)
    except InvalidConfig as invalid:
        return invalid.findings
    _examine(reading.flow, reading.gathering, known, texts_count=texts_count)
    return tuple(sorted(reading.gathering.findings))


def _examine(flow: Flow, gathering: Gathering, known: Known, *, texts_count: bool) -> None:
    """Find unreachable nodes, dead ends, missing ways to a person and missing prompts."""
    arrows = {name: frozenset(_leads_to(flow, node)) for name, node in flow.nodes.items()}
    reached = _reachable({flow.settings.start}, arrows)
    for name in flow.nodes.keys() - reached:
        gathering.find(("nodes", name), "is never reached", "lead to it from somewhere, or drop it")
    ends = {name for name, node in flow.nodes.items() if isinstance(node, HangUp)}
    if not ends & reached:
        gathering.find(("nodes",), "never end a call", "lead to a node of kind hangup")
    else:
        backwards = _turned(arrows)
        for name in reached - _reachable(ends, backwards):
            gathering.find(
                ("nodes", name), "is a dead end: no way from here ends the call", "add a way out"
            )
    _circles(flow, gathering, reached)
    _persons(flow, gathering, reached, arrows)
    _prompts(flow, gathering, known, flow.texts() if texts_count else {})


def _leads_to(flow: Flow, node: AnyNode) -> Iterator[str]:
    """Yield everywhere a call can go from a node, also where the engine sends it by itself."""
    yield from (way.to for way in node.ways())
    settings = flow.settings
    if isinstance(node, Asking):
        if node.otherwise is None:
            yield settings.way_out
        if (node.globals.person or settings.globals.person) != OFF:
            yield settings.person
    elif isinstance(node, Lookup) and node.otherwise is None:
        yield settings.way_out


def _reachable(starts: Collection[str], arrows: Mapping[str, Collection[str]]) -> frozenset[str]:
    reached, waiting = set(starts), deque(starts)
    while waiting:
        for to in arrows.get(waiting.popleft(), ()):
            if to not in reached:
                reached.add(to)
                waiting.append(to)
    return frozenset(reached)


def _turned(arrows: Mapping[str, Collection[str]]) -> Mapping[str, Collection[str]]:
    turned: dict[str, set[str]] = {}
    for name, targets in arrows.items():
        for to in targets:
            turned.setdefault(to, set()).add(name)
    return turned


def _circles(flow: Flow, gathering: Gathering, reached: Collection[str]) -> None:
    """Find nodes that lead back to themselves without a question in between."""
    silent = {
        name: frozenset(way.to for way in node.ways())
        for name, node in flow.nodes.items()
        if node.kind in {"say", "goto", "route"}
    }
    for name in silent.keys() & set(reached):
        if name in _reachable(silent[name], silent):
            gathering.find(
                ("nodes", name),
                "leads back to itself without asking anything",
                "put a question into the circle, or lead out of it",
            )


def _persons(
    flow: Flow,
    gathering: Gathering,
    reached: frozenset[str],
    arrows: Mapping[str, Collection[str]],
) -> None:
    """Find questions from which nobody is ever reached: by queue, transfer, call-back, message."""
    people = {name for name, node in flow.nodes.items() if node.kind in _PEOPLE}
    near = _reachable(people, _turned(arrows))
    if flow.settings.person not in near:
        gathering.find(
            ("person",), "leads to nobody", f"let it come to a node of kind {' or '.join(_PEOPLE)}"
        )
    for name in reached - near:
        node = flow.nodes[name]
        # Satisfaction is asked after a person; nobody needs another one there.
        if isinstance(node, Asking) and not isinstance(node, Survey):
            gathering.find(
                ("nodes", name), "has no way to a person", "let globals.person be a key here"
            )


def _prompts(flow: Flow, gathering: Gathering, known: Known, texts: Known) -> None:
    told: set[str] = set()
    for name, node in flow.nodes.items():
        for at, said in node.said():
            prompt = said.name
            missing = [
                language
                for language in flow.settings.languages
                if prompt not in texts.get(language, ()) and prompt not in known.get(language, ())
            ]
            if prompt is not None and missing and prompt not in told:
                told.add(prompt)
                gathering.find(
                    ("nodes", name, *at),
                    f"has neither recording nor text of {prompt} in {' and '.join(missing)}",
                    "write its text, or put a recording of that name into the prompts folder",
                )
