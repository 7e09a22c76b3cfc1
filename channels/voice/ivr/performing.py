"""What a call does where it stands: says the node's prompts and returns its ask, or goes on."""

from channels.voice.ivr import phones
from channels.voice.ivr.moves import Here, Move, To, Wait
from channels.voice.ivr.nodes import (
    Asking,
    Callback,
    Collect,
    Confirm,
    Goto,
    HangUp,
    Lookup,
    Menu,
    Queue,
    Route,
    Say,
    Statement,
    Survey,
    Transfer,
    Voicemail,
)
from channels.voice.ivr.routing import decided
from channels.voice.ivr.steps import (
    Connect,
    Keep,
    Keys,
    Look,
    Reached,
)
from channels.voice.ivr.steps import HangUp as End
from channels.voice.ivr.steps import Statement as Listen
from channels.voice.ivr.steps import Wait as InQueue
from channels.voice.ivr.turn import Turn
from channels.voice.ivr.values import OFF
from channels.voice.ivr.words import COMMANDS

KEEP = "keep"
SAID = "said"
OFFER, ENTER, CHECK = "offer", "enter", "check"
YES_KEY, OTHER_KEY = "1", "2"
CALLBACK_SLOT = "callback_number"
RATING_SLOT = "rating"
LONGEST_NUMBER = 20


def perform(turn: Turn, *, again: bool = False) -> Move:
    """Say what the node says and return what comes next; ``again`` after a reminder."""
    node, stage = turn.node, turn.state.stage
    match node:
        case Say():
            turn.say(node.prompts)
            if node.interruptible:
                return To(node.to)
            turn.state.stage = SAID
            return pause()
        case Goto():
            return To(node.to)
        case Route():
            return To(decided(turn, node))
        case HangUp():
            turn.say(node.prompts)
            return Wait(End(cause=node.cause), node.interruptible)
        case Statement() | Voicemail() if stage == KEEP:
            return Wait(Keep(), interruptible=False)
        case Statement() | Voicemail():
            if not again:  # a reminder alone is shorter, and the caller has heard the rest
                turn.say(node.prompts)
            return Wait(_listen(turn, node), node.interruptible)
        case Callback():
            return _callback(turn, node)
        case Survey() if stage == KEEP:
            marked = turn.slot(RATING_SLOT)
            rating = int(marked) if marked in {"1", "2", "3", "4", "5"} else None
            return Wait(Keep(rating=rating), interruptible=False)
        case Menu() | Confirm() | Survey() | Collect():
            turn.say(node.prompts)
            return Wait(_keys(turn, node), node.interruptible)
        case Transfer() | Queue() if not turn.state.can_connect:
            return To(after_reaching(node, Reached.FAILED))
        case Transfer():
            turn.say(node.prompts)
            announce = turn.spoken(node.announce)
            connect = Connect(
                target=node.target,
                timeout_s=node.timeout,
                announce=announce,
                hold=node.hold.name or "",
            )
            return Wait(connect, node.interruptible)
        case Queue():
            turn.say(node.prompts)
            return Wait(_in_queue(turn, node), node.interruptible)
        case Lookup():
            return _look(turn, node)


def pause() -> Wait:
    """Say what there is to say to its end, and take no answer."""
    return Wait(Keys(first_s=0, barge_in=False), interruptible=False)


def after_reaching(node: Transfer | Queue, outcome: Reached) -> str:
    """Return where a node goes after trying to reach a person."""
    failed = node.on_error if outcome is Reached.FAILED else None
    to: str | None = getattr(node.outcomes, outcome)
    return to or failed or node.otherwise


def _listen(turn: Turn, node: Statement | Voicemail) -> Listen:
    choices = node.choices if isinstance(node, Statement) else {}
    own = {key: one.words.get(turn.state.language, ()) for key, one in choices.items()}
    keys = (choices.keys() | turn.global_keys().keys()) - set(node.end_keys)
    recognise = node.recognise if isinstance(node, Voicemail) else True
    return Listen(
        silence_s=node.end_silence,
        no_speech_s=node.no_speech,
        limit_s=node.max_seconds,
        end_keys=frozenset(node.end_keys),
        single=frozenset(keys),
        words=turn.words(own, ()) if recognise else {},
        barge_in=node.barge_in,
        recognise=recognise,
    )


def own_keys(turn: Turn, node: Asking) -> dict[str, tuple[str, ...]]:
    """Return the keys that answer a node's own question, with the words for each."""
    language = turn.state.language
    said = COMMANDS.get(language, {})
    match node:
        case Menu() | Statement():
            return {key: one.words.get(language, ()) for key, one in node.choices.items()}
        case Confirm():
            return {node.yes_key: said.get("yes", ()), node.no_key: said.get("no", ())}
        case Survey():
            return dict.fromkeys(node.ratings, ())
        case Callback():
            return {YES_KEY: said.get("yes", ()), OTHER_KEY: said.get("no", ())}
        case _:
            return {}


def _keys(turn: Turn, node: Menu | Confirm | Survey | Collect) -> Keys:
    if isinstance(node, Collect):
        return _several(
            turn, at_most=node.at_most, finish_on=node.finish_on, spoken=node.spoken,
            first_s=node.first, between_s=node.between, barge_in=node.barge_in,
        )  # fmt: skip
    return _one(turn, node, node.first)


def _one(turn: Turn, node: Asking, first_s: float) -> Keys:
    own = own_keys(turn, node)
    single = own.keys() | turn.global_keys().keys()
    # Satisfaction is asked by key: words about it would be taken for the wrong mark.
    words = {} if isinstance(node, Survey) else turn.words(own, own)
    return Keys(
        single=frozenset(single),
        finish_on="" if "#" in single else "#",
        first_s=first_s,
        words=words,
        barge_in=node.barge_in,
    )


def _several(
    turn: Turn,
    *,
    at_most: int,
    finish_on: str,
    spoken: bool,
    first_s: float,
    between_s: float,
    barge_in: bool,
) -> Keys:
    # A digit may be the first of several, so only * and # can answer at once.
    single = {key for key in turn.global_keys() if not key.isdigit()} - {finish_on}
    return Keys(
        single=frozenset(single),
        at_most=at_most,
        finish_on=finish_on,
        first_s=first_s,
        between_s=between_s,
        words=turn.words({}, ()) if spoken else {},
        spoken=spoken and turn.state.recognises,
        barge_in=barge_in,
    )


def _callback(turn: Turn, node: Callback) -> Move:
    stage = turn.state.stage
    if not stage:
        caller = turn.slot("caller")
        turn.state.stage = OFFER if caller else ENTER
        if caller:
            turn.state.slots[CALLBACK_SLOT] = caller
        turn.say(node.prompts)
        return Here()
    if stage == KEEP:
        number = turn.slot(CALLBACK_SLOT)
        return Wait(Keep(callback_number=number, callback_reason=node.reason), interruptible=False)
    if stage == ENTER:
        turn.say(node.enter)
        ask = _several(
            turn, at_most=LONGEST_NUMBER, finish_on="#", spoken=node.spoken,
            first_s=8, between_s=4, barge_in=node.barge_in,
        )  # fmt: skip
        return Wait(ask, node.interruptible)
    turn.say(node.offer if stage == OFFER else node.check)
    return Wait(_one(turn, node, 6), node.interruptible)


def _in_queue(turn: Turn, node: Queue) -> InQueue:
    callback, voicemail = (
        None if key == OFF else key for key in (node.callback_key, node.voicemail_key)
    )
    return InQueue(
        target=node.target,
        longest_s=node.longest,
        announce_every_s=node.announce_every,
        most_waiting=node.most_waiting,
        callback_key=callback,
        voicemail_key=voicemail,
        announce=turn.spoken(node.announce),
    )


def _look(turn: Turn, node: Lookup) -> Move:
    number, code = turn.slot(node.receipt_no), turn.slot(node.query_code)
    if turn.state.looks >= node.tries:
        return To(node.otherwise or turn.flow.settings.way_out)
    if not number or not code:
        return To(node.unknown)
    turn.state.looks += 1
    turn.say(node.prompts)
    return Wait(Look(receipt_no=number, query_code=code), node.interruptible)


def dialled(turn: Turn, given: str) -> str | None:
    """Return a keyed or spoken call-back number in E.164, None when it is none."""
    settings = turn.flow.settings
    return phones.completed(given, settings.region, settings.area_code)
