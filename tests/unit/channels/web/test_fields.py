"""Fields become a submission, or every mistake is told at once."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.web.fields import NAMES, Manner, Submission, read_submission

API = Manner(region="CN", local_time=None, boxes=False)
FORM = Manner(region="CN", local_time=ZoneInfo("Asia/Shanghai"), boxes=True)


def read(manner: Manner = API, /, **given_: object) -> Submission:
    submission, problems = read_submission({"content": "路灯不亮", **given_}, manner)
    assert problems == []
    assert submission is not None
    return submission


def problems(manner: Manner = API, /, **given_: object) -> list[tuple[str, str]]:
    submission, found = read_submission({"content": "路灯不亮", **given_}, manner)
    assert submission is None
    return [(problem.field, problem.code) for problem in found]


def test_a_full_submission_is_read_field_by_field() -> None:
    submission = read(
        title="路灯",
        name="张三",
        phone="138 0013 8000",
        email="zhang@例子.cn",
        address="经十路 1 号",
        lat=36.65,
        long="117.12",
        request_type="complaint",
        occurred_at="2026-11-20T22:10:00+08:00",
        confidential=True,
        public_consent=False,
        language="zh-CN",
    )
    assert submission.phone == "+8613800138000"
    assert submission.location is not None
    assert (submission.location.lat, submission.location.long) == (36.65, 117.12)
    assert submission.location.datum == "WGS84"
    assert submission.confidential is True
    assert submission.public_consent is False
    assert submission.follow_up_wanted is None


def test_content_survives_with_emoji_bidi_and_ten_thousand_characters() -> None:
    for content in ("👩‍👩‍👧 \u202eabc\u202c 𠮷 镕", "路" * 10_000, "a\tb\nc"):
        assert read(content=content).content == content
    assert read(content=" a\r\nb\rc ").content == "a\nb\nc"


def test_a_form_reads_local_times_and_unticked_boxes() -> None:
    submission = read(FORM, occurred_at="2026-11-20T22:10", confidential="yes")
    assert submission.occurred_at is not None
    assert submission.occurred_at.isoformat() == "2026-11-20T22:10:00+08:00"
    assert submission.confidential is True
    assert submission.public_consent is False


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("content", "", "required"),
        ("content", " \n ", "required"),
        ("content", None, "required"),
        ("content", "x" * 10_001, "too_long"),
        ("content", "a\0b", "control_character"),
        ("content", "a\ud800b", "control_character"),
        ("content", ["x"], "not_text"),
        ("title", "a\nb", "control_character"),
        ("title", "x" * 101, "too_long"),
        ("phone", "12", "not_a_phone"),
        ("phone", "not a number", "not_a_phone"),
        ("phone", 13800138000, "not_text"),
        ("email", "nobody", "not_an_email"),
        ("email", "a@b@c.cn", "not_an_email"),
        ("email", "a b@c.cn", "not_an_email"),
        ("lat", "abc", "not_degrees"),
        ("lat", "nan", "not_degrees"),
        ("lat", 91, "not_degrees"),
        ("lat", True, "not_degrees"),
        ("lat", 10**400, "not_degrees"),
        ("datum", "WGS84", "datum_without_point"),
        ("datum", "XYZ", "unknown_choice"),
        ("request_type", "unclassified", "unknown_choice"),
        ("occurred_at", "yesterday", "not_a_time"),
        ("occurred_at", "0001-01-01T00:00:00+14:00", "not_a_time"),
        ("occurred_at", "2026-11-20T22:10:00", "time_without_offset"),
        ("confidential", "maybe", "not_yes_or_no"),
        ("confidential", 1, "not_yes_or_no"),
        ("language", "中文", "not_a_language"),
    ],
)
def test_each_mistake_has_its_code(field: str, value: object, code: str) -> None:
    assert problems(API, **{field: value}) == [(field, code)]


def test_half_a_point_names_the_missing_half() -> None:
    assert problems(lat=36.0) == [("long", "half_a_point")]
    assert problems(long=117.0) == [("lat", "half_a_point")]


def test_all_mistakes_are_told_at_once_and_in_order() -> None:
    found = problems(content="", phone="x", email="y", tel="1")
    assert found == [
        ("content", "required"),
        ("phone", "not_a_phone"),
        ("email", "not_an_email"),
        ("tel", "unknown_field"),
    ]


def test_an_unknown_field_names_the_nearest_one() -> None:
    _, found = read_submission({"content": "x", "phone_": "1", "zzz\n": "1"}, API)
    assert found[0].values["nearest"] == "phone"
    assert found[1].values["nearest"] == ", ".join(NAMES)
    assert found[1].field == "zzz?"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(
    given_=st.dictionaries(st.sampled_from([*NAMES, "other"]), json_values, max_size=8),
    manner=st.sampled_from([API, FORM]),
)
def test_whatever_is_given_is_read_or_refused(given_: dict[str, object], manner: Manner) -> None:
    submission, found = read_submission(given_, manner)
    assert (submission is None) == bool(found)
