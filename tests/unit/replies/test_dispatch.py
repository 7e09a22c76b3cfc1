"""An acknowledgement goes out once; what is not known is said to be unknown, never tried again."""

import asyncio
import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.channel.errors import SendError, SendFailure, StoreBusy
from gateway.channel.outgoing import Sent
from gateway.domain.draft import encode
from gateway.intake.casebook import Casebook
from gateway.intake.desk import Desk
from gateway.store import correspondence, drafts, work
from gateway.store.holding import Pace, Postpone
from gateway.store.ledger import Ledger
from gateway.store.opening import open_store
from gateway.store.times import to_us
from gateway.store.work import Fenced
from gateway.store.worker import Worker
from tests.unit.replies.post import CODE, DRAFT_ID, RECEIPT_NO, Post, Provider


class Killed(BaseException):
    """Stands for the end of the process."""


def killed_at(name: str) -> object:
    def reach(step: str) -> None:
        if step == name:
            raise Killed

    return reach


async def test_the_citizen_is_told_receipt_number_and_query_code(post: Post) -> None:
    await post.desk().handle(await post.claimed())
    (part,) = post.provider.seen
    assert RECEIPT_NO in part.text
    assert CODE in part.text
    assert "市民热线" in part.text
    assert (part.contact, part.entry, part.reply_id) == (
        "tel:+8613800138000",
        "12345",
        post.reply_id,
    )
    assert (await post.progress()).state == "sent"
    assert await post.waiting() == 0
    assert post.noted == [("reply.settled", {"kind": "sms", "outcome": "sent"})]


async def test_the_draft_shows_the_message_without_the_code(post: Post) -> None:
    await post.desk().handle(await post.claimed())
    (message,) = await post.outgoing()
    assert message.id == post.reply_id
    assert message.delivery == "sent"
    assert RECEIPT_NO in message.text
    assert "******" in message.text


async def test_an_operators_answer_goes_out_in_their_own_words(post: Post) -> None:
    await post.desk().handle(await post.claimed())
    post.provider = Provider(ids="SN")
    desk = Desk(ledgers=post.ledgers, casebook=Casebook(post.rules()))
    await desk.reply(DRAFT_ID, "已派人维修 {今晚}", operator="wang", seen=None)
    await post.desk().handle(await post.claimed())
    assert [part.text for part in post.provider.seen] == ["已派人维修 {今晚}"]
    _, answer = await post.outgoing()
    assert (answer.text, answer.delivery) == ("已派人维修 {今晚}", "sent")
    assert await post.waiting() == 0


async def test_the_code_never_enters_the_feed(post: Post) -> None:
    await post.desk().handle(await post.claimed())
    told = await post.told()
    assert [one.type for one in told][-2:] == ["draft.updated", "message.delivery"]
    data = json.loads(told[-1].body)["data"]
    assert (data["message_id"], data["delivery"]) == (post.reply_id, "sent")
    assert not [one for one in told if CODE.encode() in one.body]
    assert CODE.encode() not in encode(await post.draft())


async def test_the_quiet_window_of_the_draft_stays_as_it_is(post: Post) -> None:
    before = await post.store.read(lambda c: drafts.get(c, DRAFT_ID))
    await post.desk().handle(await post.claimed())
    after = await post.store.read(lambda c: drafts.get(c, DRAFT_ID))
    assert after.filing == before.filing
    assert after.draft.revision == before.draft.revision + 1


@pytest.mark.parametrize(
    ("language", "words"), [("en-GB", "query code"), ("zh-CN", "提取码"), ("fr", "提取码")]
)
async def test_the_citizen_is_answered_in_their_language(
    post: Post, language: str, words: str
) -> None:
    def speak(ledger: Ledger) -> None:
        filed = drafts.get(ledger.connection, DRAFT_ID)
        reporter = replace(filed.draft.reporter, language=language)
        ledger.revise(filed, replace(filed.draft, reporter=reporter), seal_at=filed.filing.seal_at)

    await post.ledgers.write("gateway", speak)
    await post.desk().handle(await post.claimed())
    reply, _ = post.provider.rendered[0]
    assert words in reply.text
    assert reply.language == ("en" if language == "en-GB" else "zh")


async def test_the_channel_is_told_what_is_known_of_the_way_back(post: Post) -> None:
    contact = "tel:+8613800138000"
    heard = post.clock.now() - timedelta(hours=1)
    await post.store.write(
        lambda c: correspondence.heard_from(
            c, kind="sms", account="main", contact=contact, now=to_us(heard)
        )
    )
    await post.store.write(
        lambda c: correspondence.set_stopped(
            c, kind="sms", account="main", contact=contact, stopped=True
        )
    )
    await post.desk().handle(await post.claimed())
    _, state = post.provider.rendered[0]
    assert (state.last_inbound_at, state.stopped) == (heard, True)


async def test_a_case_gets_at_most_one_acknowledgement(post: Post) -> None:
    again = await post.ledgers.write("gateway", lambda ledger: post.plan_again(ledger, "other"))
    assert not again
    assert await post.waiting() == 1
    await post.desk().handle(await post.claimed())
    again = await post.ledgers.write("gateway", lambda ledger: post.plan_again(ledger, "third"))
    assert not again
    assert await post.claim() is None


@pytest.mark.parametrize(
    ("died_at", "handed_over"), [("reply.before_send", 0), ("reply.after_send", 1)]
)
async def test_after_a_crash_while_sending_nobody_knows_and_nothing_is_sent_again(
    post: Post, died_at: str, handed_over: int
) -> None:
    with pytest.raises(Killed):
        await post.desk(reach=killed_at(died_at)).handle(await post.claimed())  # type: ignore[arg-type]
    assert (await post.progress()).state == "sending"
    await post.lose_the_lease()
    await post.desk().handle(await post.claimed())
    assert len(post.provider.seen) == handed_over
    assert (await post.progress()).state == "unknown"
    (message,) = await post.outgoing()
    assert message.delivery is None
    assert await post.waiting() == 0
    assert post.noted == [
        ("reply.settled", {"kind": "sms", "outcome": "unknown"}),
        ("reply.unknown", {"draft_id": DRAFT_ID, "why": "interrupted"}),
    ]


async def test_a_crash_before_anything_was_marked_costs_nothing(post: Post) -> None:
    await post.claimed()
    await post.lose_the_lease()
    await post.desk().handle(await post.claimed())
    assert post.provider.numbers == [1]
    assert (await post.progress()).state == "sent"


@pytest.mark.parametrize("kind", [SendFailure.THROTTLED, SendFailure.UNREACHABLE])
async def test_what_was_not_taken_is_tried_again_later(post: Post, kind: SendFailure) -> None:
    post.provider.answers = [SendError(kind)]
    job = await post.claimed()
    with pytest.raises(Postpone) as postponed:
        await post.desk().handle(job)
    assert postponed.value.until == post.clock.now() + timedelta(seconds=2)
    assert (await post.progress()).state == "planned"
    assert await post.outgoing() == []


async def test_the_pauses_double_and_heed_what_the_provider_asks(post: Post) -> None:
    waits = []
    asked = [None, None, None, 100.0, 10.0**9, None]
    for retry_after in asked:
        post.provider.answers = [SendError(SendFailure.THROTTLED, retry_after=retry_after)]
        job = await post.claimed()
        with pytest.raises(Postpone) as postponed:
            await post.desk().handle(job)
        until = postponed.value.until
        waits.append((until - post.clock.now()).total_seconds())
        await post.put_back(job, until)
        post.clock.turn(waits[-1])
    assert waits == [2, 4, 8, 100, 3600, 64]


async def test_after_a_day_of_trying_it_has_failed(post: Post) -> None:
    post.clock.turn(86_399)
    post.provider.answers = [SendError(SendFailure.UNREACHABLE)]
    await post.desk().handle(await post.claimed())
    assert (await post.progress()).state == "failed"
    (message,) = await post.outgoing()
    assert message.delivery == "failed"
    assert await post.waiting() == 0


@pytest.mark.parametrize(
    "kind",
    [
        SendFailure.CONFIG,
        SendFailure.INVALID,
        SendFailure.REJECTED,
        SendFailure.STOPPED,
        SendFailure.WINDOW_CLOSED,
    ],
)
async def test_a_refusal_is_final_and_the_draft_shows_it(post: Post, kind: SendFailure) -> None:
    post.provider.answers = [SendError(kind, code="21610")]
    await post.desk().handle(await post.claimed())
    assert (await post.progress()).state == "failed"
    (message,) = await post.outgoing()
    assert message.delivery == "failed"
    assert await post.waiting() == 0
    assert post.noted == [
        ("reply.settled", {"kind": "sms", "outcome": "failed"}),
        ("reply.failed", {"draft_id": DRAFT_ID, "why": f"{kind}:21610"}),
    ]


async def test_a_channel_that_may_not_write_fails_before_anything_is_sent(post: Post) -> None:
    post.provider.refusal = SendError(SendFailure.STOPPED)
    await post.desk().handle(await post.claimed())
    assert post.provider.seen == []
    assert (await post.progress()).state == "failed"
    assert post.noted == [
        ("reply.settled", {"kind": "sms", "outcome": "failed"}),
        ("reply.failed", {"draft_id": DRAFT_ID, "why": "stopped"}),
    ]


@pytest.mark.parametrize(
    ("gone", "why"), [("account", "no_such_account"), ("sender", "no_way_back")]
)
async def test_an_account_that_is_gone_fails_with_the_reason(
    post: Post, gone: str, why: str
) -> None:
    desk = post.desk(accounts=gone != "account", sender=gone != "sender")
    await desk.handle(await post.claimed())
    assert (await post.progress()).state == "failed"
    assert post.noted == [
        ("reply.settled", {"kind": "sms", "outcome": "failed"}),
        ("reply.failed", {"draft_id": DRAFT_ID, "why": why}),
    ]
    assert await post.waiting() == 0


async def test_a_time_out_after_handing_over_is_unknown_and_never_repeated(post: Post) -> None:
    post.provider.answers = [SendError(SendFailure.UNKNOWN, code="timeout")]
    await post.desk().handle(await post.claimed())
    assert (await post.progress()).state == "unknown"
    assert await post.waiting() == 0
    assert post.provider.numbers == [1]


async def test_parts_that_went_out_are_not_sent_again(post: Post) -> None:
    post.provider.cuts = 3
    post.provider.answers = [None, SendError(SendFailure.THROTTLED)]
    job = await post.claimed()
    with pytest.raises(Postpone) as postponed:
        await post.desk().handle(job)
    assert await post.progress() == correspondence.Progress(state="planned", parts=frozenset({1}))
    await post.put_back(job, postponed.value.until)
    post.clock.turn(10)
    await post.desk().handle(await post.claimed())
    assert post.provider.numbers == [1, 2, 2, 3]
    assert await post.progress() == correspondence.Progress(
        state="sent", parts=frozenset({1, 2, 3})
    )


async def test_a_part_refused_after_another_went_out_fails_the_whole(post: Post) -> None:
    post.provider.cuts = 2
    post.provider.answers = [None, SendError(SendFailure.REJECTED, code="30007")]
    await post.desk().handle(await post.claimed())
    assert await post.progress() == correspondence.Progress(state="failed", parts=frozenset({1}))
    delivered = await post.store.write(
        lambda c: correspondence.receipt(
            c,
            kind="sms",
            account="main",
            sent_id="SM1",
            delivery="delivered",
            error=None,
            now=to_us(post.clock.now()),
        )
    )
    assert delivered is None


async def test_a_crash_between_two_parts_keeps_what_is_known(post: Post) -> None:
    post.provider.cuts = 2
    steps = 0

    def second_time(step: str) -> None:
        nonlocal steps
        steps += step == "reply.after_send"
        if steps == 2:
            raise Killed

    with pytest.raises(Killed):
        await post.desk(reach=second_time).handle(await post.claimed())
    await post.lose_the_lease()
    await post.desk().handle(await post.claimed())
    assert post.provider.numbers == [1, 2]
    assert await post.progress() == correspondence.Progress(state="unknown", parts=frozenset({1}))


async def test_the_draft_changing_meanwhile_repeats_the_record_and_not_the_sending(
    post: Post,
) -> None:
    async def meanwhile() -> None:
        def add(ledger: Ledger) -> None:
            filed = drafts.get(ledger.connection, DRAFT_ID)
            request = replace(filed.draft.request, title="停水")
            ledger.revise(
                filed, replace(filed.draft, request=request), seal_at=filed.filing.seal_at
            )

        await post.ledgers.write("operator:1", add)

    sent = post.provider.send

    async def slow(part: object, http: object) -> Sent:
        await meanwhile()
        return await sent(part, http)  # type: ignore[arg-type]

    post.provider.send = slow  # type: ignore[method-assign]
    await post.desk().handle(await post.claimed())
    assert post.provider.numbers == [1]
    draft = await post.draft()
    assert draft.request.title == "停水"
    assert [one.direction for one in draft.messages or ()] == ["in", "out"]


async def test_a_store_that_is_busy_after_sending_is_waited_for(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = type(post.ledgers).write
    busy = [True, True]

    async def sometimes(self: object, *args: object, **more: object) -> object:
        if busy:
            busy.pop()
            raise StoreBusy
        return await write(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(post.ledgers), "write", sometimes)
    await post.desk().handle(await post.claimed())
    assert post.provider.numbers == [1]
    assert (await post.progress()).state == "sent"


async def test_a_slow_sender_whose_work_was_taken_away_still_tells_the_truth(post: Post) -> None:
    job = await post.claimed()
    sent = post.provider.send

    async def stopped_past_the_lease(part: object, http: object) -> Sent:
        handed = await sent(part, http)  # type: ignore[arg-type]
        await post.lose_the_lease()
        await post.desk().handle(await post.claimed())
        assert (await post.progress()).state == "unknown"
        return handed

    post.provider.send = stopped_past_the_lease  # type: ignore[method-assign]
    with pytest.raises(Fenced):
        await post.desk().handle(job)
    assert post.provider.numbers == [1]
    assert await post.progress() == correspondence.Progress(state="sent", parts=frozenset({1}))
    (message,) = await post.outgoing()
    assert message.delivery == "sent"


async def test_work_that_is_no_longer_ours_sends_nothing(post: Post) -> None:
    stale = await post.claimed()
    await post.lose_the_lease()
    fresh = await post.claimed()
    with pytest.raises(Fenced):
        await post.desk().handle(stale)
    assert post.provider.seen == []
    await post.desk().handle(fresh)
    assert post.provider.numbers == [1]


async def test_a_settled_reply_that_comes_up_again_is_only_cleared_away(post: Post) -> None:
    job = await post.claimed()
    await post.store.write(
        lambda c: correspondence.move(c, post.reply_id, "sent", now=to_us(post.clock.now()))
    )
    await post.desk().handle(job)
    assert post.provider.seen == []
    assert await post.waiting() == 0


async def test_a_worker_carries_it_through_a_throttled_provider(post: Post) -> None:
    post.provider.answers = [SendError(SendFailure.THROTTLED), SendError(SendFailure.UNREACHABLE)]
    worker = Worker(
        store=post.store,
        queue=correspondence.REPLY_QUEUE,
        handle=post.desk().handle,
        clock=post.clock,
        ids=post.ledgers.ids,
        wakeup=post.ledgers.wakeup,
        note=lambda name, **values: None,
        pace=Pace(poll_s=0.001),
    )

    async def until_sent(part: object, http: object) -> Sent:
        post.clock.turn(600)
        return await sent(part, http)  # type: ignore[arg-type]

    sent = post.provider.send
    post.provider.send = until_sent  # type: ignore[method-assign]
    original = worker.handle

    async def handle(job: work.Work) -> None:
        try:
            await original(job)
        except Postpone:
            post.clock.turn(600)
            raise
        worker.stop()

    worker.handle = handle
    async with asyncio.timeout(20):
        await worker.run()
    assert post.provider.numbers == [1, 1, 1]
    assert (await post.progress()).state == "sent"
    assert await post.waiting() == 0


FATES = st.lists(st.sampled_from([None, *SendFailure, "killed before", "killed after"]), max_size=8)


@given(fates=FATES, cuts=st.integers(1, 3))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_whatever_happens_each_part_is_taken_at_most_once(
    tmp_path_factory: pytest.TempPathFactory, fates: list[object], cuts: int
) -> None:
    """Play any fate of each attempt; at the end the reply is settled and its lane is free."""
    folder = tmp_path_factory.mktemp("post")
    store = await open_store(f"sqlite:///{folder}/hotline.db")
    post = Post.over(store)
    await post.plan()
    post.provider.cuts = cuts
    taken: list[int] = []
    script = list(fates)
    send = post.provider.send

    async def fateful(part: object, http: object) -> Sent:
        fate = script.pop(0) if script else None
        if fate == "killed before":
            raise Killed
        if isinstance(fate, SendFailure):
            if fate is SendFailure.UNKNOWN:
                taken.append(part.number)  # type: ignore[attr-defined]
            raise SendError(fate)
        taken.append(part.number)  # type: ignore[attr-defined]
        if fate == "killed after":
            raise Killed
        return await send(part, http)  # type: ignore[arg-type]

    post.provider.send = fateful  # type: ignore[method-assign]
    for _ in range(20):
        job = await post.claim()
        if job is None:
            break
        try:
            await post.desk().handle(job)
        except Killed:
            await post.lose_the_lease()
        except Postpone as later:
            await post.put_back(job, later.until)
            post.clock.turn(400)
    assert len(taken) == len(set(taken))
    assert (await post.progress()).state in {"sent", "failed", "unknown"}
    assert len(await post.outgoing()) == 1
    assert await post.waiting() == 0
    if (await post.progress()).state == "sent":
        assert taken == list(range(1, cuts + 1))
    await store.close()
