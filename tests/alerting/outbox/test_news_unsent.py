"""Nothing that began or ended is left out of the thread because its message was replaced before it was sent."""

from __future__ import annotations

from random import Random

import msgspec

from driftbell.alerting.outbox.delivery_queue import Settled, claim, enqueue_firing, new_queue, settle
from driftbell.alerting.outbox.news_unsent import MAX_NEWS, with_news_of
from driftbell.alerting.outbox.outcome import OutcomeReason, failed, sent
from driftbell.alerting.state.records import DeliveryQueue, Notification
from tests.alerting.channels.deliveries import delivery

USUAL = delivery().notification


def saying(began: list[str], ended: list[str] | None = None) -> Notification:
    return msgspec.structs.replace(USUAL, began=began, ended=ended or [])


def opened() -> DeliveryQueue:
    queue = new_queue("g", "oncall/slack[0]")
    enqueue_firing(queue, saying(["a"]), "subject", 1)
    claim(queue, 1)
    assert settle(queue, sent(), 2, Random(1), repeatable=True).reason is Settled.SENT
    return queue


def test_the_news_of_an_update_that_was_replaced_are_told_with_the_next() -> None:
    queue = opened()
    enqueue_firing(queue, saying(["b"]), "subject", 3)
    enqueue_firing(queue, saying(["c"], ["a"]), "subject", 4)

    assert (queue.rows[0].notification.began, queue.rows[0].notification.ended) == (["b", "c"], ["a"])


def test_so_are_those_of_one_whose_attempt_failed() -> None:
    queue = opened()
    enqueue_firing(queue, saying(["b"]), "subject", 3)
    claim(queue, 3)
    enqueue_firing(queue, saying(["c"]), "subject", 4)
    settle(queue, failed(OutcomeReason.SERVER_ERROR, "500"), 5, Random(1), repeatable=True)

    [row] = queue.rows
    assert row.notification.began == ["b", "c"]


def test_what_began_and_ended_unsent_is_told_as_it_is_now() -> None:
    assert with_news_of(saying(["a"]), saying([], ["a"])).began == []
    assert with_news_of(saying([], ["a"]), saying(["a"])).ended == []
    assert with_news_of(saying(["a"]), saying(["a"])).began == ["a"]


def test_they_are_bounded() -> None:
    many = [str(number) for number in range(MAX_NEWS)]

    assert len(with_news_of(saying(many), saying([f"x{one}" for one in many])).began) == MAX_NEWS
