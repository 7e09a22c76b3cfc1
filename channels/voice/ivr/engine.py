"""Walks a flow: from a state and a result to the next state and step, without clock or I/O.

A call can never get stuck: silence is counted, and after too much of it, or when nodes lead in a
circle without asking anything, the flow's way out is taken, once; after that the call is ended.
"""

from datetime import UTC, datetime

from channels.voice.ivr import state as states
from channels.voice.ivr.answering import ARRIVING, answer
from channels.voice.ivr.flow import Flow
from channels.voice.ivr.moves import Again, Arrive, Here, Move, To, Wait
from channels.voice.ivr.nodes import AnyNode, Asking, Lookup, Route
from channels.voice.ivr.performing import pause, perform
from channels.voice.ivr.state import State
from channels.voice.ivr.steps import (
    Facts,
    HangUp,
    Pressed,
    Result,
    Spoken,
    StaleState,
    Stated,
    Step,
)
from channels.voice.ivr.turn import LANGUAGE, Turn
from channels.voice.ivr.values import Prompts

MOST_MOVES = 40
"""Most nodes that may be passed between two steps."""

MOST_QUIET = 12
"""Most steps without a sign of the caller."""

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)

OVER = "over"
EXHAUSTED = "flow_exhausted"
"""Why a call is ended that even the way out did not help."""


class FlowWalk:
    """A ``Walk`` of one flow."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    @property
    def flow(self) -> Flow:
        """What is walked."""
        return self._flow

    @property
    def version(self) -> str:
        """The flow's name and the hash of its content."""
        return self._flow.version

    def begin(self, facts: Facts) -> tuple[str, Step]:
        """Return the state of a call that begins, and its first step."""
        languages = self._flow.settings.languages
        language = facts.language.partition("-")[0].lower()
        turn = Turn(
            flow=self._flow,
            at=facts.at,
            state=State(
                version=self.version,
                node=self._flow.settings.start,
                language=language if language in languages else languages[0],
                entry=states.fits(facts.entry) or "",
                diverted=states.fits(facts.diverted_from),
                caller=states.fits(facts.caller),
                recognises=facts.recognises,
                busy=facts.busy,
                can_connect=facts.can_connect,
            ),
        )
        turn.stored(facts.values)
        return _onward(turn, To(self._flow.settings.start))

    def after(self, state: str, result: Result, at: datetime) -> tuple[str, Step]:
        """Return the next state and step; raises ``StaleState`` for a state of another flow."""
        turn = self._continued(state, at)
        known = turn.state
        if known.stage == OVER:
            return _stepped(turn, Wait(HangUp(cause=EXHAUSTED)))
        if _is_sign_of_life(result):
            known.quiet = known.lost = 0
        return _onward(turn, answer(turn, result))

    def step(self, state: str) -> Step:
        """Return the step a state waits at, once more; raises ``StaleState`` as ``after`` does."""
        # No route is decided while a step is waited for, so the time does not matter.
        turn = self._continued(state, _ANY_TIME)
        known = turn.state
        if known.stage == OVER:
            return _stepped(turn, Wait(HangUp(cause=EXHAUSTED)))[1]
        if known.stage == ARRIVING:  # what had to be said before is not known any more
            return _stepped(turn, pause())[1]
        if isinstance(turn.node, Lookup):
            known.looks -= 1  # this look-up has been counted
        move = perform(turn)
        if not isinstance(move, Wait):
            raise StaleState("nothing is waited for at the node of this state")
        return _stepped(turn, move)[1]

    def _continued(self, text: str, at: datetime) -> Turn:
        known = states.read(text, self.version)
        settings, nodes = self._flow.settings, self._flow.nodes
        if known.node not in nodes or known.language not in settings.languages:
            raise StaleState("the state names what the flow does not have")
        return Turn(flow=self._flow, at=at, state=known)


def _is_sign_of_life(result: Result) -> bool:
    match result:
        case Pressed(keys=keys):
            return bool(keys)
        case Spoken():
            return True
        case Stated(heard=heard, key=key, choice=choice):
            return heard or bool(key or choice)
        case _:
            return False


def _onward(turn: Turn, move: Move) -> tuple[str, Step]:
    """Follow moves until there is something to ask."""
    moves = 0
    while not isinstance(move, Wait):
        moves += 1
        if moves > MOST_MOVES:
            moves = 0
            move = _way_out(turn)
        else:
            move = _followed(turn, move)
        if isinstance(move, Wait) and not isinstance(move.ask, HangUp):
            turn.state.quiet += 1
            if turn.state.quiet > MOST_QUIET:
                move = _way_out(turn)
    return _stepped(turn, move)


def _followed(turn: Turn, move: Move) -> Move:
    state = turn.state
    match move:
        case To(node=name):
            state.node, state.stage, state.tries = name, "", 0
            if turn.parts and _sets_language(turn.node):
                state.stage = ARRIVING
                return pause()
            return Arrive()
        case Arrive():
            state.stage = ""
            turn.remember(turn.node.set)
            return perform(turn)
        case Again(prompts=prompts):
            return _asked_again(turn, prompts)
        case Here():
            return perform(turn)
        case Wait():
            return move


def _asked_again(turn: Turn, prompts: Prompts) -> Move:
    state, node = turn.state, turn.node
    if not isinstance(node, Asking):
        return _way_out(turn)
    state.tries += 1
    if state.tries > node.retries:
        return To(node.otherwise or turn.flow.settings.way_out)
    turn.say(prompts)
    return perform(turn, again=True)


def _way_out(turn: Turn) -> Move:
    state = turn.state
    state.lost += 1
    state.quiet = 0
    turn.parts.clear()
    if state.lost > 1:
        state.stage = OVER
        turn.say(turn.flow.settings.farewell)
        return Wait(HangUp(cause=EXHAUSTED))
    return To(turn.flow.settings.way_out)


def _sets_language(node: AnyNode) -> bool:
    if LANGUAGE in node.set:
        return True
    return isinstance(node, Route) and any(LANGUAGE in rule.set for rule in node.rules)


def _stepped(turn: Turn, wait: Wait) -> tuple[str, Step]:
    step = Step(
        node=turn.state.node,
        language=turn.state.language,
        parts=tuple(turn.parts),
        ask=wait.ask,
        interruptible=wait.interruptible,
        facts=dict(turn.facts),
    )
    return states.write(turn.state), step
