"""What makes a flow unusable: names that lead nowhere, keys with two meanings, missing texts."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping

from channels.voice.ivr.flow import RESERVED_SLOTS, FlowSettings
from channels.voice.ivr.nodes import (
    AnyNode,
    Asking,
    Callback,
    Choice,
    Collect,
    Confirm,
    Lookup,
    Menu,
    Queue,
    Route,
    Statement,
    Survey,
    Transfer,
    Voicemail,
)
from channels.voice.ivr.performing import OTHER_KEY, YES_KEY
from channels.voice.ivr.turn import LANGUAGE
from channels.voice.ivr.values import OFF, Location, Said
from gateway.config.gathering import Gathering
from gateway.config.wording import nearest

MOST_OWN_SLOTS = 8
"""What a state has room for, beside the slots the engine fills."""

_Nodes = Mapping[str, AnyNode]


def is_name(name: str, pattern: str) -> bool:
    """Tell whether a key of the file is a name as the reference page allows."""
    return re.fullmatch(pattern, name) is not None


def check(
    gathering: Gathering, settings: FlowSettings, nodes: _Nodes, calendars: Collection[str]
) -> None:
    """Find every mistake that would show only when a call comes to it."""
    _targets(gathering, settings, nodes)
    _slots(gathering, nodes)
    _hours(gathering, settings, nodes, calendars)
    _texts(gathering, settings, nodes)
    for name, node in nodes.items():
        if isinstance(node, Transfer) and node.hold.name is None:
            gathering.find(("nodes", name, "hold"), "is not a prompt", "give the name of one")
        _keys(gathering, settings, name, node)
        _languages(gathering, settings, name, node)
        if isinstance(node, Collect) and node.spoken:
            _confirmed(gathering, nodes, name, node)


def _targets(gathering: Gathering, settings: FlowSettings, nodes: _Nodes) -> None:
    for key in ("start", "person", "way_out"):
        if (name := getattr(settings, key)) not in nodes:
            gathering.find((key,), "is no node of this flow", nearest(name, nodes))
    for name, node in nodes.items():
        for way in node.ways():
            if way.to not in nodes:
                at = ("nodes", name, *way.at)
                gathering.find(at, "leads to no node of this flow", nearest(way.to, nodes))


def assignments(nodes: _Nodes) -> Iterator[tuple[Location, Mapping[str, str]]]:
    """Yield every ``set`` of a flow with its place."""
    for name, node in nodes.items():
        at: Location = ("nodes", name)
        yield (*at, "set"), node.set
        for key, choice in choices_of(node).items():
            yield (*at, "choices", key, "set"), choice.set
        if isinstance(node, Route):
            for index, rule in enumerate(node.rules):
                yield (*at, "rules", index, "set"), rule.set


def choices_of(node: AnyNode) -> Mapping[str, Choice]:
    """Return the choices of a node, if it has any."""
    return node.choices if isinstance(node, Menu | Statement) else {}


def _slots(gathering: Gathering, nodes: _Nodes) -> None:
    own = {slot for _, values in assignments(nodes) for slot in values} - {LANGUAGE}
    own |= {node.slot for node in nodes.values() if isinstance(node, Collect)}
    own -= RESERVED_SLOTS
    if len(own) > MOST_OWN_SLOTS:
        gathering.find(
            ("nodes",), f"remember more than {MOST_OWN_SLOTS} things", "use fewer names in set"
        )
    known = own | RESERVED_SLOTS | {"rating"}
    for at, slot in _slots_read(nodes):
        if slot not in known:
            gathering.find(at, "is remembered nowhere in this flow", nearest(slot, known))
    for at, values in assignments(nodes):
        for slot in values.keys() & (RESERVED_SLOTS | {"rating"}):
            gathering.find((*at, slot), "is filled by the gateway itself", "use another name")
    for name, node in nodes.items():
        if isinstance(node, Collect) and node.slot == "caller":
            gathering.find(
                ("nodes", name, "slot"), "is the caller id and cannot be keyed in", "rename it"
            )


def _slots_read(nodes: _Nodes) -> Iterator[tuple[Location, str]]:
    for name, node in nodes.items():
        at: Location = ("nodes", name)
        for place, said in node.said():
            for kind in ("digits", "quantity"):
                if slot := getattr(said, kind):
                    yield (*at, *place, kind), slot
        match node:
            case Confirm():
                yield (*at, "slot"), node.slot
            case Lookup():
                yield (*at, "receipt_no"), node.receipt_no
                yield (*at, "query_code"), node.query_code
            case Route():
                for index, rule in enumerate(node.rules):
                    for slot in rule.when.slots:
                        yield (*at, "rules", index, "when", "slots", slot), slot
                    for condition in ("known", "unknown"):
                        for which, slot in enumerate(getattr(rule.when, condition)):
                            yield (*at, "rules", index, "when", condition, which), slot
            case _:
                pass


def _hours(
    gathering: Gathering, settings: FlowSettings, nodes: _Nodes, calendars: Collection[str]
) -> None:
    for name, hours in settings.hours.items():
        if hours.calendar not in calendars:
            gathering.find(
                ("hours", name, "calendar"),
                "is no calendar of this flow",
                nearest(hours.calendar, calendars),
            )
    for name, node in nodes.items():
        if not isinstance(node, Route):
            continue
        for index, rule in enumerate(node.rules):
            for kind in ("open", "closed"):
                given = getattr(rule.when, kind)
                if given is not None and given not in settings.hours:
                    gathering.find(
                        ("nodes", name, "rules", index, "when", kind),
                        "is no opening hours of this flow",
                        nearest(given, settings.hours),
                    )


def _texts(gathering: Gathering, settings: FlowSettings, nodes: _Nodes) -> None:
    first: dict[str, tuple[Location, Mapping[str, str]]] = {}
    for at, said in _all_said(settings, nodes):
        if said.name is None or not said.text:
            continue
        for language in settings.languages:
            if language not in said.text:
                gathering.find((*at, "text"), f"has no text in {language}", "add it")
        for language in said.text:
            if language not in settings.languages:
                gathering.find(
                    (*at, "text", language),
                    "is no language of this flow",
                    nearest(language, settings.languages),
                )
        place, text = first.setdefault(said.name, (at, said.text))
        if text != said.text:
            line, _ = gathering.place(place)
            gathering.find(
                (*at, "text"),
                f"is not what line {line} says of {said.name}",
                "use another name, or write the text once and only the name here",
            )


def _all_said(settings: FlowSettings, nodes: _Nodes) -> Iterator[tuple[Location, Said]]:
    for index, said in enumerate(settings.farewell):
        yield ("farewell", index), said
    for name, node in nodes.items():
        for at, said in node.said():
            yield ("nodes", name, *at), said


def _keys(gathering: Gathering, settings: FlowSettings, name: str, node: AnyNode) -> None:
    at: Location = ("nodes", name)
    if isinstance(node, Queue):
        if node.callback_key == node.voicemail_key != OFF:
            gathering.find(
                (*at, "voicemail_key"), "is the key for a call-back too", "use another key"
            )
        return
    if not isinstance(node, Asking):
        return
    own = _own_keys(node)
    for key, place in own.items():
        for meaning in ("person", "repeat", "back"):
            given = getattr(node.globals, meaning) or getattr(settings.globals, meaning)
            if key == given:
                gathering.find(
                    (*at, *place),
                    f"is the key {key}, which means {meaning} everywhere",
                    f"use another key, or write globals: {{{meaning}: off}} in this node",
                )
    seen: dict[str, str] = {}
    for meaning in ("person", "repeat", "back"):
        given = getattr(node.globals, meaning) or getattr(settings.globals, meaning)
        if given and given != OFF and seen.setdefault(given, meaning) != meaning:
            gathering.find(
                (*at, "globals"),
                f"give the key {given} two meanings, {seen[given]} and {meaning}",
                "use another key for one of them",
            )


def _own_keys(node: Asking) -> dict[str, Location]:
    match node:
        case Menu():
            return {key: ("choices", key) for key in node.choices}
        case Statement():
            ends: dict[str, Location] = {key: ("end_keys",) for key in node.end_keys}
            return ends | {key: ("choices", key) for key in node.choices}
        case Voicemail():
            return {key: ("end_keys",) for key in node.end_keys}
        case Survey():
            return {key: ("ratings", key) for key in node.ratings}
        case Confirm():
            return {node.yes_key: ("yes_key",), node.no_key: ("no_key",)}
        case Callback():
            return {YES_KEY: ("kind",), OTHER_KEY: ("kind",)}
        case Collect():
            return {node.finish_on: ("finish_on",)}
        case _:
            return {}


def _languages(gathering: Gathering, settings: FlowSettings, name: str, node: AnyNode) -> None:
    known: Callable[[str], bool] = settings.languages.__contains__
    for at, values in assignments({name: node}):
        if LANGUAGE in values and not known(values[LANGUAGE]):
            gathering.find(
                (*at, LANGUAGE),
                "is no language of this flow",
                nearest(values[LANGUAGE], settings.languages),
            )
    phrases: dict[tuple[str, str], str] = {}
    for key, choice in choices_of(node).items():
        place: Location = ("nodes", name, "choices", key, "words")
        for language, words in choice.words.items():
            if not known(language):
                gathering.find(
                    (*place, language),
                    "is no language of this flow",
                    nearest(language, settings.languages),
                )
            for word in words:
                other = phrases.setdefault((language, word.casefold()), key)
                if other != key:
                    gathering.find(
                        (*place, language),
                        f"hold a word that stands for {other} too",
                        "keep it in one of them",
                    )
    if isinstance(node, Statement) and node.choices.keys() & set(node.end_keys):
        gathering.find(
            ("nodes", name, "end_keys"), "hold the key of a choice", "take it from one of them"
        )
    if isinstance(node, Confirm) and node.yes_key == node.no_key:
        gathering.find(("nodes", name, "no_key"), "is the key for yes too", "use another key")


def _confirmed(gathering: Gathering, nodes: _Nodes, name: str, node: Collect) -> None:
    """A spoken number is only a suggestion: the next node has to read it back."""
    after = nodes.get(node.to)
    if not isinstance(after, Confirm) or after.slot != node.slot:
        gathering.find(
            ("nodes", name, "spoken"),
            f"takes spoken digits, but {node.to} does not read them back",
            f"lead to a confirm of {node.slot}, or take keys only",
        )
