"""What was read becomes suggestions; only empty fields are filled, never a person's words."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.draft import Coded, Evidence, Suggestion, WorkOrderDraft, decode, encode
from gateway.understanding import apply, suggestions, understand
from tests.unit.understanding.drafts import draft


@dataclass(frozen=True)
class Entry:
    source: str
    category: str | None


ENTRIES = {"12319": Entry("城建热线", "城乡建设"), "12345": Entry("市民热线", None)}

WORDS = st.lists(
    st.sampled_from(["我要投诉", "建议", "请问", "不是", "要是", "说", "“", "”", "，", "。"])
    | st.sampled_from(["你好", "路灯坏了", "12345", "我叫"])
    | st.sampled_from(["13800138000", "幺三八零零幺三八零零零", " ", "\n"])
    | st.sampled_from(["I want to complain", "please fix", '"'])
    | st.text(max_size=10)
).map("".join)
DRAFTS = st.builds(
    lambda texts, segments, channel, source, title, type_, entry: _with_request(
        draft(*texts, segments=segments, channel=channel, source=source, entry=entry),
        title,
        type_,
    ),
    texts=st.lists(WORDS, max_size=3),
    segments=st.none() | st.lists(WORDS, max_size=3).map(tuple),
    channel=st.sampled_from(["sms", "voice", "web"]),
    source=st.sampled_from([None, "citizen_text", "asr", "mixed", "operator"]),
    title=st.sampled_from(["", "操作员写的标题"]),
    type_=st.sampled_from(["unclassified", "praise"]),
    entry=st.sampled_from(["12345", "12319", "999"]),
)


def _with_request(before: WorkOrderDraft, title: str, type_: str) -> WorkOrderDraft:
    request = replace(before.request, title=title, type=type_)
    return replace(before, request=request)


def found(after: WorkOrderDraft, field: str) -> Suggestion:
    return next(one for one in after.suggestions or () if one.field == field)


def test_a_draft_gets_title_type_and_category() -> None:
    after = understand(draft("你好，我要投诉路灯坏了没人修。", entry="12319"), ENTRIES)
    assert after.request.title == "投诉路灯坏了没人修"
    assert after.request.type == "complaint"
    assert after.request.category == Coded(scheme="entry", code="城乡建设", name="城乡建设")
    assert found(after, "request.category").evidence == (Evidence(text="12319"),)
    assert found(after, "request.category").status == "derived"


def test_an_entry_without_a_category_suggests_none() -> None:
    after = understand(draft("停水了", entry="12345"), ENTRIES)
    assert after.request.category is None
    assert not [one for one in after.suggestions or () if one.field == "request.category"]


def test_a_telephone_number_in_the_text_is_suggested_and_never_filled_in() -> None:
    after = understand(draft("请打13800138000找我"), {})
    assert after.reporter.callback_phone is None
    assert after.reporter.phone == "+8613900139000"
    assert found(after, "reporter.callback_phone").value == "+8613800138000"
    assert found(after, "reporter.callback_phone").status == "suggested"


def test_a_number_out_of_a_transcript_has_the_lowest_confidence() -> None:
    spoken = understand(draft(channel="voice", segments=("电话13800138000",), source=None), {})
    written = understand(draft("电话13800138000"), {})
    field = "reporter.callback_phone"
    assert found(spoken, field).confidence < found(written, field).confidence


def test_what_the_citizen_chose_in_a_form_stays() -> None:
    before = _with_request(draft("我要投诉路灯坏了"), "路灯", "help")
    after = understand(before, {})
    assert (after.request.title, after.request.type) == ("路灯", "help")
    assert found(after, "request.type").value == "complaint"


def test_nothing_is_filled_in_a_draft_an_operator_wrote() -> None:
    before = draft("我要投诉路灯坏了", source="operator", entry="12319")
    after = understand(before, ENTRIES)
    assert after.request == before.request
    assert found(after, "request.type").value == "complaint"


def test_our_own_messages_are_not_read() -> None:
    before = draft("停水了")
    outgoing = replace((before.messages or ())[0], id="out", direction="out", text="我要投诉")
    after = understand(replace(before, messages=(*(before.messages or ()), outgoing)), {})
    assert after.request.type == "unclassified"


def test_reading_again_after_a_new_message_replaces_the_earlier_reading() -> None:
    first = understand(draft("我要投诉司机"), {})
    more = replace(first, messages=draft("我要投诉司机", "我还要建议加一班车").messages)
    again = understand(more, {})
    assert [one.field for one in again.suggestions or ()].count("request.type") == 1
    assert found(again, "request.type").status == "conflict"
    assert again.request.type == "complaint"


def test_a_suggestion_a_person_rejected_is_neither_filled_nor_proposed_again() -> None:
    first = understand(draft("我要投诉司机"), {})
    rejected = tuple(replace(one, accepted=False) for one in first.suggestions or ())
    emptied = _with_request(replace(first, suggestions=rejected), "", "unclassified")
    again = understand(emptied, {})
    assert again == emptied


def test_suggestions_of_another_source_stay() -> None:
    other = Suggestion(field="request.title", value="路灯", confidence=0.4, by="llm:x")
    after = understand(replace(draft("路灯坏了"), suggestions=(other,)), {})
    assert other in (after.suggestions or ())


def test_a_newer_reading_of_another_source_replaces_its_earlier_one() -> None:
    old, new = (
        Suggestion(field="request.title", value=value, confidence=0.4, by="llm:x")
        for value in ("旧", "新")
    )
    after = apply(replace(draft("路灯坏了"), suggestions=(old,)), [new])
    assert after.suggestions == (new,)


@given(DRAFTS)
def test_any_draft_can_be_read(before: WorkOrderDraft) -> None:
    after = understand(before, ENTRIES)
    assert decode(encode(after)) == after


@given(DRAFTS)
def test_reading_twice_changes_nothing_more(before: WorkOrderDraft) -> None:
    once = understand(before, ENTRIES)
    assert understand(once, ENTRIES) == once


@given(DRAFTS)
def test_every_piece_of_evidence_is_what_stands_there(before: WorkOrderDraft) -> None:
    texts = {one.id: one.text for one in before.messages or ()}
    if before.transcript is not None:
        texts |= {str(n): one.text for n, one in enumerate(before.transcript.segments)}
    for one in suggestions(before, ENTRIES):
        for evidence in one.evidence or ():
            if evidence.source is not None:
                assert texts[evidence.source][evidence.start : evidence.end] == evidence.text


@given(DRAFTS)
def test_only_empty_fields_are_filled(before: WorkOrderDraft) -> None:
    after = understand(before, ENTRIES)
    assert replace(after, suggestions=before.suggestions, request=before.request) == before
    was, now = before.request, after.request
    assert now.title == was.title or was.title == ""
    assert now.type == was.type or was.type == "unclassified"
    assert replace(now, title=was.title, type=was.type, category=was.category) == was
    if was.content_source == "operator":
        assert now == was
