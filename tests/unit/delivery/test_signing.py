"""Standard Webhooks signatures, with the published library as the judge."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from gateway.delivery.signing import BadSecret, BadSignature, Secret, secret_key, sign, verify

NOW = datetime(2026, 11, 3, 8, 30, 15, 987654, tzinfo=UTC)
KEY = b"an old key that is long enough to use"
OTHER = b"a new key that is long enough to use"
BODY = b'{"id":"evt_1","type":"draft.queued"}'

message_ids = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=1
)
moments = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 (hypothesis adds the zone)
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-12 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


def headers(
    message_id: str = "evt_1", sent_at: datetime = NOW, body: bytes = BODY
) -> dict[str, str]:
    return sign([Secret(key=KEY)], message_id=message_id, sent_at=sent_at, body=body)


def test_the_example_of_the_specification_is_reproduced() -> None:
    # From the specification's reference implementations.
    made = sign(
        [Secret(key=secret_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        sent_at=datetime.fromtimestamp(1614265330, UTC),
        body=b'{"test": 2432232314}',
    )
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(st.binary(min_size=1, max_size=64), message_ids, moments, st.text())
def test_the_published_library_makes_the_same_signature(
    key: bytes, message_id: str, sent_at: datetime, text: str
) -> None:
    body = text.encode("utf-8", "replace")
    made = sign([Secret(key=key)], message_id=message_id, sent_at=sent_at, body=body)
    # The library ignores an offset and reads any datetime as UTC, so it is handed UTC.
    expected = Webhook(key).sign(message_id, sent_at.astimezone(UTC), body.decode())
    assert made["webhook-signature"] == expected


def test_the_published_library_accepts_what_is_signed_now_in_another_zone() -> None:
    beijing = datetime.now(timezone(timedelta(hours=8)))
    made = headers(sent_at=beijing)
    assert Webhook(KEY).verify(BODY, made) == {"id": "evt_1", "type": "draft.queued"}


def test_during_a_rotation_both_secrets_sign_and_either_side_may_still_hold_the_old_one() -> None:
    secrets = [
        Secret(key=KEY, valid_to=NOW + timedelta(hours=1)),
        Secret(key=OTHER, valid_from=NOW - timedelta(hours=1)),
    ]
    made = sign(secrets, message_id="evt_1", sent_at=NOW, body=BODY)
    assert made["webhook-signature"].count("v1,") == 2
    for held in (KEY, OTHER):
        assert verify([Secret(key=held)], made, BODY, now=NOW).message_id == "evt_1"


@pytest.mark.parametrize(
    ("at", "keys"),
    [
        (NOW - timedelta(seconds=1), [KEY]),
        (NOW, [KEY, OTHER]),
        (NOW + timedelta(seconds=9), [KEY, OTHER]),
        (NOW + timedelta(seconds=10), [OTHER]),
    ],
)
def test_a_secret_counts_from_its_first_moment_to_just_before_its_last(
    at: datetime, keys: list[bytes]
) -> None:
    secrets = [
        Secret(key=KEY, valid_to=NOW + timedelta(seconds=10)),
        Secret(key=OTHER, valid_from=NOW),
    ]
    made = sign(secrets, message_id="evt_1", sent_at=at, body=BODY)
    each = [headers_of(key, at) for key in keys]
    assert made["webhook-signature"] == " ".join(each)


def headers_of(key: bytes, at: datetime) -> str:
    made = sign([Secret(key=key)], message_id="evt_1", sent_at=at, body=BODY)
    return made["webhook-signature"]


def test_without_a_valid_secret_nothing_is_signed() -> None:
    expired = Secret(key=KEY, valid_to=NOW)
    for secrets in ([], [expired]):
        with pytest.raises(BadSecret, match="no signing secret is valid"):
            sign(secrets, message_id="evt_1", sent_at=NOW, body=BODY)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\r\nX: 1", "编号", "x" * 201])
def test_an_id_that_could_blur_the_signed_text_is_refused(message_id: str) -> None:
    with pytest.raises(ValueError, match="message id"):
        headers(message_id=message_id)


def test_naive_times_are_refused_everywhere() -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        headers(sent_at=naive)
    with pytest.raises(ValueError, match="aware"):
        verify([Secret(key=KEY)], headers(), BODY, now=naive)
    with pytest.raises(ValueError, match="aware"):
        Secret(key=KEY, valid_from=naive)


@given(st.binary(min_size=1))
def test_a_prefixed_secret_is_base64_with_or_without_padding(key: bytes) -> None:
    encoded = base64.b64encode(key).decode()
    assert secret_key(f"whsec_{encoded}") == key
    assert secret_key(f"whsec_{encoded.rstrip('=')}") == key


def test_any_other_secret_is_its_own_text() -> None:
    assert secret_key("密钥 not base64!") == "密钥 not base64!".encode()


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_=", "whsec_not base64", "whsec_密钥"])
def test_a_broken_secret_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(BadSecret) as caught:
        secret_key(text)
    assert "not base64!" not in str(caught.value)
    assert "密钥" not in str(caught.value)


def test_a_secret_never_shows_its_key() -> None:
    assert "old key" not in repr(Secret(key=KEY))


@given(message_ids, st.binary(), moments)
def test_what_is_signed_is_vouched_for(message_id: str, body: bytes, sent_at: datetime) -> None:
    made = headers(message_id, sent_at, body)
    vouched = verify([Secret(key=OTHER), Secret(key=KEY)], made, body, now=sent_at)
    assert vouched.message_id == message_id
    assert timedelta() <= sent_at - vouched.sent_at < timedelta(seconds=1)


def test_header_names_may_come_in_any_case() -> None:
    shouting = {name.upper(): value for name, value in headers().items()}
    assert verify([Secret(key=KEY)], shouting, BODY, now=NOW).message_id == "evt_1"


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_changed_byte_of_the_body_is_noticed(at: int, change: int) -> None:
    altered = bytearray(BODY)
    altered[at] ^= change
    with pytest.raises(BadSignature):
        verify([Secret(key=KEY)], headers(), bytes(altered), now=NOW)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "evt_2"),
        ("webhook-id", ""),
        ("webhook-timestamp", str(int(NOW.timestamp()) + 1)),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "1e9"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "１７６２１５８６１５"),
        ("webhook-timestamp", "999999999999"),
        ("webhook-timestamp", "9" * 5000),
        ("webhook-id", "\ud800"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,not base64"),
        ("webhook-signature", "v1,a"),
        ("webhook-signature", "v1,é"),
        ("webhook-signature", "v1a,AAAA v2,BBBB ,, x"),
    ],
)
def test_a_changed_or_malformed_header_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSignature):
        verify([Secret(key=KEY)], {**headers(), name: value}, BODY, now=NOW)


@given(st.dictionaries(st.sampled_from(sorted(headers())), st.text()), st.binary())
def test_whatever_comes_in_only_one_kind_of_error_comes_out(
    offered: dict[str, str], body: bytes
) -> None:
    with pytest.raises(BadSignature):
        verify([Secret(key=KEY)], offered, body, now=NOW)


@given(st.sampled_from(sorted(headers())), st.text())
def test_nothing_but_the_right_headers_will_do(name: str, value: str) -> None:
    assume(headers()[name] not in value)
    with pytest.raises(BadSignature):
        verify([Secret(key=KEY)], {**headers(), name: value}, BODY, now=NOW)


def test_a_good_signature_is_found_among_those_of_other_versions_and_keys() -> None:
    good = headers()["webhook-signature"]
    crowd = {**headers(), "webhook-signature": f"v1a,AAAA {headers_of(OTHER, NOW)} junk {good}"}
    assert verify([Secret(key=KEY)], crowd, BODY, now=NOW).message_id == "evt_1"


def test_a_signature_with_foreign_characters_in_it_is_no_signature() -> None:
    spoilt = headers()["webhook-signature"].replace("v1,", "v1,!")
    with pytest.raises(BadSignature):
        verify([Secret(key=KEY)], {**headers(), "webhook-signature": spoilt}, BODY, now=NOW)


def test_a_crowd_of_signatures_is_not_searched_to_the_end() -> None:
    crowd = " ".join(["v1,AAAA"] * 16 + [headers()["webhook-signature"]])
    with pytest.raises(BadSignature):
        verify([Secret(key=KEY)], {**headers(), "webhook-signature": crowd}, BODY, now=NOW)


@pytest.mark.parametrize(
    ("minutes", "good"), [(-5.1, False), (-4.9, True), (4.9, True), (5.1, False)]
)
def test_a_timestamp_counts_for_five_minutes_either_way(minutes: float, good: bool) -> None:
    now = NOW + timedelta(minutes=minutes)
    if good:
        verify([Secret(key=KEY)], headers(), BODY, now=now)
    else:
        with pytest.raises(BadSignature, match="too far from now"):
            verify([Secret(key=KEY)], headers(), BODY, now=now)


def test_a_secret_that_has_expired_vouches_for_nothing() -> None:
    with pytest.raises(BadSignature):
        verify([Secret(key=KEY, valid_to=NOW)], headers(), BODY, now=NOW)
