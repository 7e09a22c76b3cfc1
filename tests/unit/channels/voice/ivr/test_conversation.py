"""What a caller hears and can do, node by node."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from channels.voice.ivr.engine import EXHAUSTED, MOST_QUIET, FlowWalk
from channels.voice.ivr.steps import (
    Connect,
    Connected,
    Digits,
    Facts,
    HangUp,
    Keep,
    Kept,
    Keys,
    Look,
    Looked,
    NoInput,
    Pressed,
    Prompt,
    Quantity,
    Reached,
    Result,
    Spoken,
    StaleState,
    Stated,
    StatedBy,
    Statement,
    Step,
    Wait,
    Waited,
)
from tests.unit.channels.voice.ivr.conftest import Walked
from tests.unit.channels.voice.ivr.flows import NOON

HEARD = Stated(heard=True, by=StatedBy.SILENCE)
SILENT = Stated(heard=False, by=StatedBy.SILENCE)
STORED = Kept(values={"receipt_no": "2611210000018", "query_code": "204816"})


@dataclass
class Call:
    """One call through a flow, for tests that tell a story."""

    walk: FlowWalk
    state: str
    step: Step
    facts: dict[str, str]

    def __call__(self, result: Result) -> Step:
        self.state, self.step = self.walk.after(self.state, result, NOON)
        self.facts |= self.step.facts
        return self.step

    def press(self, keys: str) -> Step:
        return self(Pressed(keys=keys))

    def say(self, choice: str | None, text: str = "") -> Step:
        return self(Spoken(text=text, choice=choice))


def call(
    walk: FlowWalk,
    *,
    entry: str = "12345",
    caller: str | None = "+8613912345678",
    at: datetime = NOON,
    language: str = "zh-CN",
    recognises: bool = True,
    busy: bool = False,
    can_connect: bool = True,
    diverted_from: str | None = None,
    values: Mapping[str, str] | None = None,
) -> Call:
    begun = Facts(
        entry=entry,
        caller=caller,
        at=at,
        language=language,
        recognises=recognises,
        busy=busy,
        can_connect=can_connect,
        diverted_from=diverted_from,
        values=values or {},
    )
    state, step = walk.begin(begun)
    return Call(walk, state, step, dict(step.facts))


def heard(step: Step) -> list[str]:
    """What is said, briefly."""
    words = []
    for part in step.parts:
        match part:
            case Prompt(name=name):
                words.append(name)
            case Digits(digits=digits):
                words.append(digits)
            case Quantity(value=value):
                words.append(f"#{value}")
    return words


MENU = """
first:
  kind: menu
  prompts: menu
  no_input: silence
  no_match: what
  retries: 1
  choices:
    "1": {label: 投诉, to: more, words: {zh: [投诉], en: [complaint]}, set: {topic: 城管}}
    "2": {to: bye}
more:
  kind: menu
  prompts: more
  choices: {"1": {to: bye}}
"""


class TestMenu:
    def test_keys_and_words_of_the_callers_language_are_asked_for(self, walked: Walked) -> None:
        ask = call(walked(MENU)).step.ask
        assert isinstance(ask, Keys)
        assert ask.single == {"1", "2", "0", "*"}  # nothing to go back to yet
        assert {"投诉": "1", "一": "1", "二": "2", "转人工": "0"}.items() <= ask.words.items()
        assert "complaint" not in ask.words

    def test_in_english_they_are_english(self, walked: Walked) -> None:
        ask = call(walked(MENU), language="en-US").step.ask
        assert isinstance(ask, Keys)
        assert {"complaint": "1", "one": "1", "operator": "0"}.items() <= ask.words.items()

    def test_a_language_the_flow_does_not_have_is_its_first(self, walked: Walked) -> None:
        assert call(walked(MENU), language="fr").step.language == "zh"

    def test_without_recognition_no_words_are_expected(self, walked: Walked) -> None:
        ask = call(walked(MENU), recognises=False).step.ask
        assert isinstance(ask, Keys)
        assert not ask.words

    @pytest.mark.parametrize("by", [Pressed(keys="1"), Spoken(text="投诉", choice="1")])
    def test_a_choice_goes_on_and_is_learnt(self, walked: Walked, by: Result) -> None:
        talk = call(walked(MENU))
        assert heard(talk(by)) == ["more"]
        assert talk.facts == {"first": "投诉", "topic": "城管"}

    def test_silence_and_a_wrong_key_are_answered_differently(self, walked: Walked) -> None:
        assert heard(call(walked(MENU))(NoInput())) == ["silence", "menu"]
        assert heard(call(walked(MENU)).press("7")) == ["what", "menu"]
        assert heard(call(walked(MENU)).say(None, "天气")) == ["what", "menu"]

    def test_after_the_last_retry_the_way_out_is_taken(self, walked: Walked) -> None:
        talk = call(walked(MENU))
        talk(NoInput())
        assert talk.press("7").ask == HangUp()

    def test_each_menu_counts_its_own_retries(self, walked: Walked) -> None:
        talk = call(walked(MENU))
        talk(NoInput())
        talk.press("1")
        assert heard(talk(NoInput())) == ["more"]

    def test_zero_is_a_person_and_star_once_more(self, walked: Walked) -> None:
        assert isinstance(call(walked(MENU)).press("0").ask, Wait)
        assert isinstance(call(walked(MENU)).say("0").ask, Wait)
        assert heard(call(walked(MENU)).press("*")) == ["menu"]

    def test_nine_goes_back_where_the_caller_came_from(self, walked: Walked) -> None:
        talk = call(walked(MENU))
        talk.press("1")
        assert isinstance(talk.step.ask, Keys)
        assert "9" in talk.step.ask.single
        assert heard(talk.press("9")) == ["menu"]
        assert isinstance(talk.step.ask, Keys)
        assert "9" not in talk.step.ask.single

    def test_a_key_that_is_off_does_nothing(self, walked: Walked) -> None:
        menu = MENU.replace("prompts: menu", "prompts: menu\n  globals: {person: off, repeat: '7'}")
        talk = call(walked(menu))
        assert isinstance(talk.step.ask, Keys)
        assert talk.step.ask.single == {"1", "2", "7"}
        assert heard(talk.press("0")) == ["what", "menu"]

    def test_a_result_of_another_kind_counts_as_silence(self, walked: Walked) -> None:
        assert heard(call(walked(MENU))(Looked(state="queued"))) == ["silence", "menu"]


STATEMENT = """
first:
  kind: statement
  prompts: speak
  no_input: there
  limit_reached: enough
  choices: {"1": {to: person, words: {zh: [转接]}}}
  to: told
  otherwise: silent
told: {kind: say, prompts: [number, {digits: receipt_no}, code, {digits: query_code}], to: bye}
silent: {kind: hangup, cause: nothing_said}
"""


class TestStatement:
    def test_the_callers_words_are_listened_to_with_keys_beside(self, walked: Walked) -> None:
        ask = call(walked(STATEMENT)).step.ask
        assert isinstance(ask, Statement)
        assert ask.single == {"0", "1", "*"}
        assert ask.end_keys == {"#"}
        assert ask.words["转接"] == "1"
        assert ask.barge_in

    def test_what_was_said_is_stored_before_its_number_is_told(self, walked: Walked) -> None:
        talk = call(walked(STATEMENT))
        assert talk(HEARD).ask == Keep()
        assert heard(talk(STORED)) == ["number", "2611210000018", "code", "204816", "thanks"]

    def test_a_number_that_is_not_known_is_left_out(self, walked: Walked) -> None:
        talk = call(walked(STATEMENT))
        talk(HEARD)
        assert heard(talk(Kept())) == ["number", "code", "thanks"]

    def test_a_number_known_from_the_beginning_is_told_too(self, walked: Walked) -> None:
        talk = call(walked(STATEMENT), values=STORED.values)
        talk(HEARD)
        assert "2611210000018" in heard(talk(Kept()))

    def test_who_reaches_the_limit_is_told(self, walked: Walked) -> None:
        talk = call(walked(STATEMENT))
        step = talk(Stated(heard=True, by=StatedBy.LIMIT))
        assert (heard(step), step.ask) == (["enough"], Keep())

    def test_who_is_silent_is_reminded_once_without_the_whole_prompt(self, walked: Walked) -> None:
        talk = call(walked(STATEMENT))
        assert heard(talk(SILENT)) == ["there"]
        assert talk(SILENT).ask == HangUp(cause="nothing_said")

    @pytest.mark.parametrize(
        "result",
        [
            Stated(heard=False, by=StatedBy.KEY, key="1"),
            Stated(heard=True, by=StatedBy.KEY, key="0"),
            Stated(heard=False, by=StatedBy.WORDS, choice="1"),
            Stated(heard=False, by=StatedBy.WORDS, choice="0"),
        ],
    )
    def test_a_key_or_a_word_leads_elsewhere(self, walked: Walked, result: Result) -> None:
        assert isinstance(call(walked(STATEMENT))(result).ask, Wait)

    def test_what_could_not_be_stored_is_not_promised(self, walked: Walked) -> None:
        talk = call(walked(STATEMENT))
        talk(HEARD)
        assert heard(talk(NoInput())) == ["thanks"]

    def test_a_voicemail_is_recorded_without_being_understood(self, walked: Walked) -> None:
        talk = call(walked("first: {kind: voicemail, prompts: speak, to: bye}"))
        assert isinstance(talk.step.ask, Statement)
        assert not talk.step.ask.recognise
        assert talk(HEARD).ask == Keep()


COLLECT = """
first:
  kind: collect
  slot: number
  prompts: enter
  no_match: wrong
  {more}
  to: check
check: {{kind: confirm, slot: number, prompts: [is_it, {{digits: number}}], yes: bye, no: first}}
"""


class TestCollect:
    def test_keys_are_read_back_and_confirmed(self, walked: Walked) -> None:
        talk = call(walked(COLLECT.format(more="at_least: 3")))
        assert isinstance(talk.step.ask, Keys)
        assert talk.step.ask.single == {"*"}
        assert talk.step.ask.at_most == 20
        assert heard(talk.press("123")) == ["is_it", "123"]
        assert talk.facts == {}
        assert talk.press("1").ask == HangUp()
        assert talk.facts == {"number": "123"}

    def test_no_means_again(self, walked: Walked) -> None:
        talk = call(walked(COLLECT.format(more="at_least: 3")))
        talk.press("123")
        assert heard(talk.say("2", "不对")) == ["enter"]

    @pytest.mark.parametrize("keys", ["12", "1*3", "1234"])
    def test_too_few_too_many_and_other_keys_are_wrong(self, walked: Walked, keys: str) -> None:
        talk = call(walked(COLLECT.format(more="at_least: 3\n  at_most: 3")))
        assert heard(talk.press(keys)) == ["wrong", "enter"]

    def test_zero_alone_is_a_person_all_the_same(self, walked: Walked) -> None:
        talk = call(walked(COLLECT.format(more="at_least: 3")))
        assert isinstance(talk.press("0").ask, Wait)

    def test_a_mistyped_receipt_number_is_noticed(self, walked: Walked) -> None:
        talk = call(walked(COLLECT.format(more="check: receipt_no")))
        assert heard(talk.press("2611210000019")) == ["wrong", "enter"]
        assert heard(talk.press("2611210000016")) == ["is_it", "2611210000016"]

    @pytest.mark.parametrize(
        ("keyed", "kept"),
        [
            ("13800138000", "+8613800138000"),
            ("053188881234", "+8653188881234"),
            ("88881234", "+8653188881234"),
        ],
    )
    def test_a_telephone_number_is_completed_and_read_as_people_say_it(
        self, walked: Walked, keyed: str, kept: str
    ) -> None:
        collect = COLLECT.format(more="check: phone")
        talk = call(walked(collect, head='area_code: "0531"'))
        assert heard(talk.press(keyed)) == ["is_it", keyed if len(keyed) > 8 else f"0531{keyed}"]
        talk.press("1")
        assert talk.facts == {"phone_confirmed": kept}

    @pytest.mark.parametrize("keyed", ["110", "88881234", "99999999999"])
    def test_what_is_no_telephone_number_is_wrong(self, walked: Walked, keyed: str) -> None:
        talk = call(walked(COLLECT.format(more="check: phone")))
        assert heard(talk.press(keyed)) == ["wrong", "enter"]

    def test_spoken_digits_are_taken_where_they_will_be_read_back(self, walked: Walked) -> None:
        talk = call(walked(COLLECT.format(more="spoken: true")))
        assert isinstance(talk.step.ask, Keys)
        assert talk.step.ask.spoken
        assert heard(talk.say(None, "三五七九")) == ["is_it", "3579"]

    def test_spoken_digits_are_not_taken_elsewhere(self, walked: Walked) -> None:
        talk = call(walked(COLLECT.format(more="")))
        assert heard(talk.say(None, "三五七九")) == ["wrong", "enter"]


CALLBACK = """
first:
  kind: callback
  prompts: well
  offer: [from, {digits: callback_number}]
  enter: enter
  check: [is_it, {digits: callback_number}]
  done: noted
  no_match: wrong
  reason: nobody_free
  to: bye
"""


class TestCallback:
    def test_the_caller_id_is_offered_first(self, walked: Walked) -> None:
        talk = call(walked(CALLBACK))
        assert heard(talk.step) == ["well", "from", "13912345678"]
        keep = Keep(callback_number="+8613912345678", callback_reason="nobody_free")
        assert talk.press("1").ask == keep
        assert talk.facts == {"phone_confirmed": "+8613912345678"}
        assert heard(talk(Kept())) == ["noted", "thanks"]

    def test_another_number_is_keyed_and_read_back(self, walked: Walked) -> None:
        talk = call(walked(CALLBACK))
        assert heard(talk.press("2")) == ["enter"]
        assert heard(talk.press("123")) == ["wrong", "enter"]
        assert heard(talk.press("13800138000")) == ["is_it", "13800138000"]
        assert heard(talk.press("2")) == ["enter"]
        talk.press("13800138001")
        keep = talk.press("1").ask
        assert isinstance(keep, Keep)
        assert keep.callback_number == "+8613800138001"

    @pytest.mark.parametrize("caller", [None, "sip:someone@example.com", "anonymous"])
    def test_without_a_caller_id_it_is_asked_for(self, walked: Walked, caller: str | None) -> None:
        assert heard(call(walked(CALLBACK), caller=caller).step) == ["well", "enter"]

    def test_a_spoken_number_is_only_a_suggestion(self, walked: Walked) -> None:
        talk = call(walked(CALLBACK), caller=None)
        step = talk.say(None, "幺三八零零幺三八零零零")
        assert heard(step) == ["is_it", "13800138000"]
        assert isinstance(step.ask, Keys)
        assert talk.facts == {}
        assert isinstance(talk.say("1", "对").ask, Keep)

    def test_who_confirms_nothing_is_not_called_back(self, walked: Walked) -> None:
        talk = call(walked(CALLBACK))
        for _ in range(2):
            assert isinstance(talk(NoInput()).ask, Keys)
        assert talk(NoInput()).ask == HangUp()
        assert talk.facts == {}


REACHING = """
first:
  kind: {kind}
  target: operators
  prompts: wait
  announce: [call_from, {{digits: caller}}]
  outcomes: {{finished: rated, busy: busy, callback: again}}
  on_error: broken
  otherwise: nobody
rated: {{kind: survey, prompts: rate, to: bye}}
busy: {{kind: hangup, cause: busy}}
again: {{kind: hangup, cause: callback}}
nobody: {{kind: hangup, cause: nobody}}
broken: {{kind: hangup, cause: broken}}
"""


class TestPeople:
    def test_a_transfer_rings_its_target(self, walked: Walked) -> None:
        step = call(walked(REACHING.format(kind="transfer"))).step
        assert heard(step) == ["wait"]
        announce = (Prompt(name="call_from"), Digits(digits="13912345678"))
        assert step.ask == Connect(target="operators", announce=announce)

    def test_a_queue_offers_to_call_back(self, walked: Walked) -> None:
        ask = call(walked(REACHING.format(kind="queue\n  voicemail_key: '2'"))).step.ask
        assert isinstance(ask, Wait)
        assert (ask.callback_key, ask.voicemail_key) == ("1", "2")

    @pytest.mark.parametrize("kind", ["transfer", "queue"])
    @pytest.mark.parametrize(
        ("outcome", "cause"),
        [
            (Reached.BUSY, "busy"),
            (Reached.CALLBACK, "callback"),
            (Reached.NO_ANSWER, "nobody"),
            (Reached.TIMEOUT, "nobody"),
            (Reached.FULL, "nobody"),
            (Reached.FAILED, "broken"),
        ],
    )
    def test_every_outcome_has_its_way(
        self, walked: Walked, kind: str, outcome: Reached, cause: str
    ) -> None:
        result = Connected(outcome=outcome) if kind == "transfer" else Waited(outcome=outcome)
        talk = call(walked(REACHING.format(kind=kind)))
        assert talk(result).ask == HangUp(cause=cause)
        assert talk.facts == {"first": f"operators: {outcome}"}

    def test_where_nobody_can_be_connected_nobody_is_tried(self, walked: Walked) -> None:
        step = call(walked(REACHING.format(kind="transfer")), can_connect=False).step
        assert (heard(step), step.ask) == ([], HangUp(cause="broken"))

    def test_after_a_talk_the_caller_rates_it(self, walked: Walked) -> None:
        talk = call(walked(REACHING.format(kind="transfer")))
        step = talk(Connected(outcome=Reached.FINISHED))
        assert heard(step) == ["rate"]
        assert isinstance(step.ask, Keys)
        assert step.ask.single == {"1", "2", "3", "4", "5", "0", "*"}
        assert not step.ask.words  # words about satisfaction would be taken for the wrong mark
        assert talk.press("2").ask == Keep(rating=4)
        assert talk(Kept()).ask == HangUp()


LOOKUP = """
first: {kind: collect, slot: number, prompts: number, to: code}
code: {kind: collect, slot: code, prompts: code, to: look}
look:
  kind: lookup
  receipt_no: number
  query_code: code
  states: {forwarded: forwarded}
  found: other
  unknown: wrong
  otherwise: person
forwarded: {kind: hangup, prompts: forwarded}
other: {kind: hangup, prompts: other}
wrong: {kind: say, prompts: wrong, to: first}
"""


class TestLookup:
    def asked(self, walked: Walked) -> Call:
        talk = call(walked(LOOKUP))
        talk.press("2611210000016")
        talk.press("204816")
        return talk

    def test_number_and_code_are_looked_up(self, walked: Walked) -> None:
        talk = self.asked(walked)
        assert talk.step.ask == Look(receipt_no="2611210000016", query_code="204816")
        assert heard(talk(Looked(state="forwarded"))) == ["forwarded"]
        assert talk.facts == {"look": "2611210000016"}

    def test_a_state_without_a_way_of_its_own_is_found_all_the_same(self, walked: Walked) -> None:
        assert heard(self.asked(walked)(Looked(state="queued"))) == ["other"]

    def test_guessing_is_limited(self, walked: Walked) -> None:
        talk = self.asked(walked)
        for _ in range(2):
            assert heard(talk(Looked(state=None))) == ["wrong", "number"]
            talk.press("2611210000016")
            talk.press("111111")
        assert heard(talk(Looked(state=None))) == ["wrong", "number"]
        talk.press("2611210000016")
        assert isinstance(talk.press("222222").ask, Wait)
        assert talk.facts == {}

    def test_the_same_look_up_may_be_told_again(self, walked: Walked) -> None:
        talk = self.asked(walked)
        assert talk.walk.step(talk.state) == talk.step


ROUTE = """
first:
  kind: route
  otherwise: other
  rules:
    - {{when: {when}, to: fits, set: {{a: x}}}}
fits: {{kind: hangup, prompts: fits}}
other: {{kind: hangup, prompts: other}}
"""
HOURS = """
calendars: {cn: cn.yaml}
hours: {desk: {calendar: cn, workday: "09:00-17:00"}}
"""
NIGHT = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)


class TestRoute:
    @pytest.mark.parametrize(
        ("when", "fits"),
        [
            ("{entry: '12345'}", True),
            ("{entry: ['12319', '12345']}", True),
            ("{entry: '12319'}", False),
            ("{diverted_from: '12319'}", False),
            ("{language: zh}", True),
            ("{language: en}", False),
            ("{withheld: false}", True),
            ("{withheld: true}", False),
            ("{caller: mobile}", True),
            ("{caller: landline}", False),
            ("{recognises: true, busy: false, can_connect: true}", True),
            ("{busy: true}", False),
            ("{open: desk}", True),
            ("{closed: desk}", False),
            ("{slots: {a: x}}", False),
            ("{known: caller}", True),
            ("{unknown: receipt_no}", True),
            ("{known: receipt_no}", False),
        ],
    )
    def test_a_condition_holds_or_not(self, walked: Walked, when: str, fits: bool) -> None:
        talk = call(walked(ROUTE.format(when=when), head=HOURS))
        assert heard(talk.step) == ["fits" if fits else "other"]
        assert talk.facts == ({"a": "x"} if fits else {})

    def test_conditions_about_the_call(self, walked: Walked) -> None:
        def fits(when: str, **facts: object) -> bool:
            walk = walked(ROUTE.format(when=when), head=HOURS)
            return heard(call(walk, **facts).step) == ["fits"]  # type: ignore[arg-type]

        assert fits("{withheld: true}", caller=None)
        assert fits("{caller: landline}", caller="+8653188881234")
        assert fits("{caller: other}", caller=None)
        assert fits("{diverted_from: '12319'}", diverted_from="12319")
        assert fits("{closed: desk}", at=NIGHT)
        assert fits("{busy: true}", busy=True)
        assert fits("{recognises: false}", recognises=False)
        assert fits("{can_connect: false}", can_connect=False)


class TestLanguage:
    SWITCH = """
    first: {kind: say, prompts: hello, to: english}
    english: {kind: goto, set: {language: en}, to: menu}
    menu: {kind: menu, prompts: menu, choices: {"1": {to: bye}}}
    """

    def test_what_was_to_be_said_before_is_said_in_the_language_of_then(
        self, walked: Walked
    ) -> None:
        talk = call(walked(self.SWITCH))
        assert (heard(talk.step), talk.step.language) == (["hello"], "zh")
        step = talk(NoInput())
        assert (heard(step), step.language) == (["menu"], "en")


class TestSaying:
    def test_what_may_not_be_interrupted_is_a_step_of_its_own(self, walked: Walked) -> None:
        notice = """
        first: {kind: say, prompts: hello, to: notice}
        notice: {kind: say, prompts: recorded, interruptible: false, to: menu}
        menu: {kind: menu, prompts: menu, choices: {"1": {to: bye}}}
        """
        talk = call(walked(notice))
        assert heard(talk.step) == ["hello", "recorded"]
        assert not talk.step.interruptible
        assert isinstance(talk.step.ask, Keys)
        assert talk.step.ask.first_s == 0
        step = talk(NoInput())
        assert (heard(step), step.interruptible) == (["menu"], True)

    def test_a_quantity_is_read_as_one(self, walked: Walked) -> None:
        count = """
        first: {kind: goto, set: {count: "120"}, to: say}
        say: {kind: say, prompts: {quantity: count}, to: bye}
        """
        assert heard(call(walked(count)).step) == ["#99", "thanks"]


class TestNeverStuck:
    def test_a_circle_without_a_question_leads_to_the_way_out(self, walked: Walked) -> None:
        circle = "first: {kind: say, prompts: a, to: more}\nmore: {kind: goto, to: first}"
        step = call(walked(circle)).step
        assert (heard(step), step.ask) == (["thanks"], HangUp())

    def test_a_way_out_that_leads_nowhere_ends_the_call_politely(self, walked: Walked) -> None:
        circle = "first: {kind: say, prompts: a, to: first}"
        tail = "  person: {kind: goto, to: first}\n  bye: {kind: goto, to: first}\n"
        talk = call(walked(circle, tail=tail))
        assert (heard(talk.step), talk.step.ask) == (["thanks"], HangUp(cause=EXHAUSTED))
        assert talk(NoInput()).ask == HangUp(cause=EXHAUSTED)
        assert talk.walk.step(talk.state).ask == HangUp(cause=EXHAUSTED)

    def test_a_caller_who_does_nothing_is_not_kept_for_ever(self, walked: Walked) -> None:
        endless = """
        first: {kind: queue, target: a, otherwise: first}
        """
        talk = call(walked(endless))
        for _ in range(MOST_QUIET - 1):
            assert isinstance(talk(Waited(outcome=Reached.TIMEOUT)).ask, Wait)
        assert talk(Waited(outcome=Reached.TIMEOUT)).ask == HangUp()

    def test_a_state_of_another_version_is_stale(self, walked: Walked) -> None:
        before = call(walked(MENU))
        after = walked(MENU + "# changed")
        with pytest.raises(StaleState):
            after.after(before.state, NoInput(), NOON)

    @pytest.mark.parametrize("state", ["", "{}", "null", "\ud800", "x" * 2000, '{"v":1}'])
    def test_what_is_no_state_is_stale(self, walked: Walked, state: str) -> None:
        with pytest.raises(StaleState):
            walked(MENU).step(state)
