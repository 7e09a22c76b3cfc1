"""What a result means where a call stands: the next move, and what is remembered of it."""

from channels.voice.ivr import phones
from channels.voice.ivr.moves import Again, Arrive, Here, Move, To
from channels.voice.ivr.nodes import (
    Asking,
    Callback,
    Choice,
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
from channels.voice.ivr.performing import (
    CALLBACK_SLOT,
    CHECK,
    ENTER,
    KEEP,
    OTHER_KEY,
    RATING_SLOT,
    SAID,
    YES_KEY,
    after_reaching,
    dialled,
)
from channels.voice.ivr.steps import (
    Connected,
    Kept,
    Looked,
    Pressed,
    Reached,
    Result,
    Spoken,
    Stated,
    StatedBy,
    Waited,
)
from channels.voice.ivr.turn import Turn
from channels.voice.ivr.words import digits
from gateway.domain.intake import Fact
from gateway.domain.receipt import is_receipt_no

ARRIVING = "arriving"


def answer(turn: Turn, result: Result) -> Move:
    """Return what follows; a result that does not belong here counts as no answer."""
    node, stage = turn.node, turn.state.stage
    if stage == ARRIVING:
        return Arrive()
    match node:
        case Say() if stage == SAID:
            return To(node.to)
        case Say() | Goto() | Route() | HangUp():
            return Here()
        case Statement() | Voicemail() | Survey() | Callback() if stage == KEEP:
            return _kept(turn, node, result)
        case Statement() | Voicemail():
            return _stated(turn, node, result)
        case Menu():
            key = _key(result)
            return (
                _chosen(turn, node.choices[key])
                if key in node.choices
                else _otherwise(turn, node, result)
            )
        case Collect():
            return _collected(turn, node, result)
        case Confirm():
            return _confirmed(turn, node, result)
        case Survey():
            return _rated(turn, node, result)
        case Callback() if stage == ENTER:
            return _number_entered(turn, node, result)
        case Callback():
            return _number_checked(turn, node, result)
        case Transfer() | Queue():
            return _reached(turn, node, result)
        case Lookup():
            return _looked(turn, node, result)


def _key(result: Result) -> str:
    match result:
        case Pressed(keys=keys):
            return keys
        case Spoken(choice=choice):
            return choice or ""
        case Stated(key=key, choice=choice):
            return key or choice or ""
        case _:
            return ""


def _chosen(turn: Turn, choice: Choice) -> Move:
    node = turn.node
    if choice.label is not None:
        name = (node.slot if isinstance(node, Menu) else None) or turn.state.node
        turn.facts[name] = choice.label
    turn.remember(choice.set)
    turn.leave_trail()
    return To(choice.to)


def _otherwise(turn: Turn, node: Asking, result: Result) -> Move:
    """Return what a key that works everywhere does, else ask again."""
    match turn.global_keys().get(_key(result)):
        case "person":
            turn.leave_trail()
            return To(turn.flow.settings.person)
        case "repeat":
            return Here()
        case "back" if turn.state.back:
            return To(turn.state.back.pop())
    # Keys or words that fit nothing were an attempt; silence, and anything else, was not.
    tried = isinstance(result, Spoken) or (isinstance(result, Pressed) and result.keys)
    return Again(node.no_match if tried else node.no_input)


def _stated(turn: Turn, node: Statement | Voicemail, result: Result) -> Move:
    key = _key(result)
    choices = node.choices if isinstance(node, Statement) else {}
    if key in choices:
        return _chosen(turn, choices[key])
    if key in turn.global_keys() or not isinstance(result, Stated) or not result.heard:
        return _otherwise(turn, node, result)
    if result.by is StatedBy.LIMIT:
        turn.say(node.limit_reached)
    turn.state.stage = KEEP
    return Here()


def _kept(turn: Turn, node: Statement | Voicemail | Survey | Callback, result: Result) -> Move:
    if not isinstance(result, Kept):
        return To(node.on_error or turn.flow.settings.way_out)
    turn.stored(result.values)
    if isinstance(node, Callback):
        turn.say(node.done)
    return To(node.to)


def _collected(turn: Turn, node: Collect, result: Result) -> Move:
    given = _digits_of(result, spoken=node.spoken)
    if _is_global(turn, result, given):
        return _otherwise(turn, node, result)
    value = given if node.at_least <= len(given) <= node.at_most else None
    if value and node.check == "receipt_no" and not is_receipt_no(value):
        value = None
    if value and node.check == "phone":
        value = dialled(turn, value)
    if value is None:
        return _otherwise(turn, node, result)
    turn.state.slots[node.slot] = value
    return To(node.to)


def _digits_of(result: Result, *, spoken: bool) -> str:
    match result:
        case Pressed(keys=keys):
            return keys if keys.isascii() and keys.isdigit() else ""
        case Spoken(text=text, choice=None) if spoken:
            return digits(text)
        case _:
            return ""


def _is_global(turn: Turn, result: Result, given: str) -> bool:
    """Tell whether a single key, waited out, was meant for what works everywhere."""
    single = isinstance(result, Pressed) and len(given) == 1
    return single and given in turn.global_keys() and not _takes_one_digit(turn)


def _takes_one_digit(turn: Turn) -> bool:
    return isinstance(turn.node, Collect) and turn.node.at_least == 1


def _confirmed(turn: Turn, node: Confirm, result: Result) -> Move:
    key = _key(result)
    if key == node.yes_key:
        if value := turn.slot(node.slot):
            turn.facts[Fact.PHONE_CONFIRMED if phones.dialable(value) else node.slot] = value
        return To(node.yes)
    return To(node.no) if key == node.no_key else _otherwise(turn, node, result)


def _rated(turn: Turn, node: Survey, result: Result) -> Move:
    rating = node.ratings.get(_key(result))
    if rating is None:
        return _otherwise(turn, node, result)
    turn.state.slots[RATING_SLOT] = str(rating)
    turn.state.stage = KEEP
    return Here()


def _number_entered(turn: Turn, node: Callback, result: Result) -> Move:
    given = _digits_of(result, spoken=node.spoken)
    if _is_global(turn, result, given):
        return _otherwise(turn, node, result)
    number = dialled(turn, given) if given else None
    if number is None:
        return _otherwise(turn, node, result)
    turn.state.slots[CALLBACK_SLOT] = number
    turn.state.stage, turn.state.tries = CHECK, 0
    return Here()


def _number_checked(turn: Turn, node: Callback, result: Result) -> Move:
    match _key(result):
        case key if key == YES_KEY and phones.dialable(turn.slot(CALLBACK_SLOT)):
            turn.facts[Fact.PHONE_CONFIRMED] = turn.slot(CALLBACK_SLOT) or ""
            turn.state.stage = KEEP
        case key if key in {YES_KEY, OTHER_KEY}:
            turn.state.stage = ENTER
        case _:
            return _otherwise(turn, node, result)
    turn.state.tries = 0
    return Here()


def _reached(turn: Turn, node: Transfer | Queue, result: Result) -> Move:
    outcome = result.outcome if isinstance(result, Connected | Waited) else Reached.FAILED
    turn.facts[turn.state.node] = f"{node.target}: {outcome}"
    return To(after_reaching(node, outcome))


def _looked(turn: Turn, node: Lookup, result: Result) -> Move:
    if not isinstance(result, Looked):
        return To(node.on_error or turn.flow.settings.way_out)
    if result.state is None:
        return To(node.unknown)
    turn.facts[turn.state.node] = turn.slot(node.receipt_no) or ""
    return To(node.states.get(result.state, node.found))
