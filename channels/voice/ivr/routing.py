"""Which way a route goes: every condition of a rule must hold, the first such rule wins."""

from channels.voice.ivr import phones
from channels.voice.ivr.nodes import Route, When
from channels.voice.ivr.turn import Turn


def decided(turn: Turn, node: Route) -> str:
    """Return the next node, and remember what the rule sets."""
    for rule in node.rules:
        if _holds(turn, rule.when):
            turn.remember(rule.set)
            return rule.to
    return node.otherwise


def _holds(turn: Turn, when: When) -> bool:
    state = turn.state
    number = turn.slot("caller")
    conditions = (
        when.open is None or _open(turn, when.open),
        when.closed is None or not _open(turn, when.closed),
        not when.entry or state.entry in when.entry,
        not when.diverted_from or (state.diverted or "") in when.diverted_from,
        not when.language or state.language in when.language,
        when.withheld in {None, state.caller is None},
        when.recognises in {None, state.recognises},
        when.busy in {None, state.busy},
        when.can_connect in {None, state.can_connect},
        when.caller is None or when.caller == phones.line(number, turn.flow.settings.region),
        all(turn.slot(name) in values for name, values in when.slots.items()),
        all(turn.slot(name) for name in when.known),
        not any(turn.slot(name) for name in when.unknown),
    )
    return all(conditions)


def _open(turn: Turn, name: str) -> bool:
    hours = turn.flow.settings.hours[name]
    return turn.flow.calendars[hours.calendar].is_open(hours, turn.at)
