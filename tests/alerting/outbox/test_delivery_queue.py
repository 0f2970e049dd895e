"""The queue: order, replacement, cancelling, giving up; as single cases and as a game against a model of the vendor."""

from __future__ import annotations

from random import Random
from typing import Literal

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from driftbell.alerting.outbox.backoff import GIVE_UP_MS, GIVE_UP_RESOLVE_MS, delay_ms
from driftbell.alerting.outbox.delivery_queue import (
    Queued,
    Settled,
    claim,
    enqueue_firing,
    enqueue_resolved,
    interrupted,
    kind_of,
    new_queue,
    recover,
    settle,
)
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.state.encoding import decode, encode
from driftbell.alerting.state.records import DeliveryQueue, Kind, Notification, Severity
from tests.alerting.alerts import make_alert

OK = sent()
DOWN = failed(OutcomeReason.SERVER_ERROR, "HTTP 503")
REFUSED = failed(OutcomeReason.CLIENT_ERROR, "HTTP 405")
LOST = failed(OutcomeReason.NO_ANSWER, "timeout")


def saying(
    status: Literal["firing", "resolved"], number: int = 0, severity: Severity = Severity.CRITICAL
) -> Notification:
    return Notification(
        receiver="oncall",
        status=status,
        reason="test",
        severity=severity,
        group_key="{}:{}",
        group_labels={},
        common_labels={"number": str(number)},
        common_annotations={},
        alerts=[make_alert(status)],
        firing=int(status == "firing"),
        resolved=int(status == "resolved"),
        decided_ms=number,
    )


FIRING, RESOLVED = saying("firing"), saying("resolved")


def queue() -> DeliveryQueue:
    return new_queue("group", "oncall/pagerduty[0]")


def attempt(one: DeliveryQueue, outcome: Outcome, now_ms: int = 0, *, repeatable: bool = True) -> tuple[Kind, Settled]:
    row = claim(one, now_ms)
    assert row is not None
    kind = kind_of(one, row)
    return kind, settle(one, outcome, now_ms, Random(1), repeatable=repeatable).reason


def test_trigger_update_resolve_go_in_order_and_leave_nothing() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    assert attempt(one, OK, 9)[0] is Kind.TRIGGER
    enqueue_firing(one, FIRING, "s", 2)
    assert attempt(one, OK, 9)[0] is Kind.UPDATE
    enqueue_resolved(one, RESOLVED, 3)
    assert attempt(one, OK, 9)[0] is Kind.RESOLVE

    assert one.is_empty


def test_a_newer_page_replaces_an_unsent_one_and_keeps_its_place_in_the_backoff() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    attempt(one, DOWN, 1)
    due = one.rows[0].next_attempt_ms
    assert enqueue_firing(one, saying("firing", 2), "s", 2) is Queued.REPLACED

    [row] = one.rows
    assert (row.notification.decided_ms, row.attempts, row.since_ms, row.next_attempt_ms) == (2, 1, 1, due)
    assert kind_of(one, row) is Kind.TRIGGER


def test_a_resolve_cancels_a_page_that_was_certainly_not_sent() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    attempt(one, DOWN, 1)

    assert enqueue_resolved(one, RESOLVED, 2) is Queued.CANCELLED
    assert one.is_empty


def test_a_resolve_follows_a_page_that_may_have_arrived() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    attempt(one, LOST, 1)

    assert enqueue_resolved(one, RESOLVED, 2) is Queued.REPLACED
    assert attempt(one, OK, 10_000_000)[0] is Kind.RESOLVE
    assert one.is_empty


def test_a_resolve_waits_for_a_page_that_is_on_its_way() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    claim(one, 1)
    assert enqueue_resolved(one, RESOLVED, 2) is Queued.RESOLVE
    assert claim(one, 3) is None
    settle(one, OK, 3, Random(1), repeatable=True)

    assert attempt(one, OK, 4)[0] is Kind.RESOLVE


def test_a_resolve_behind_a_page_that_fails_ends_both() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    claim(one, 1)
    enqueue_firing(one, FIRING, "s", 2)
    enqueue_resolved(one, RESOLVED, 3)
    assert len(one.rows) == 2

    assert settle(one, DOWN, 4, Random(1), repeatable=True).reason is Settled.CANCELLED
    assert one.is_empty


def test_an_update_behind_a_page_that_fails_takes_its_place() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    claim(one, 1)
    enqueue_firing(one, saying("firing", 2), "s", 2)

    assert settle(one, DOWN, 3, Random(1), repeatable=True).reason is Settled.REPLACED
    [row] = one.rows
    assert (row.notification.decided_ms, row.attempts, kind_of(one, row)) == (2, 1, Kind.TRIGGER)


def test_a_page_given_up_makes_the_next_one_the_trigger() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    claim(one, 1)
    enqueue_firing(one, FIRING, "s", 2)
    settlement = settle(one, REFUSED, 3, Random(1), repeatable=True)

    assert settlement.reason is Settled.DEAD_PERMANENT
    assert settlement.dead_delivery is not None and settlement.dead_delivery.kind is Kind.TRIGGER
    assert attempt(one, OK, 4)[0] is Kind.TRIGGER


def test_a_page_given_up_takes_its_waiting_resolve_with_it() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    claim(one, 1)
    enqueue_resolved(one, RESOLVED, 2)
    settle(one, REFUSED, 3, Random(1), repeatable=True)

    assert one.is_empty


def test_a_new_incident_waits_for_the_close_of_the_old_one() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    attempt(one, OK, 1)
    enqueue_resolved(one, RESOLVED, 2)
    assert enqueue_firing(one, FIRING, "s", 3) is Queued.TRIGGER

    assert [attempt(one, OK, 9)[0], attempt(one, OK, 9)[0]] == [Kind.RESOLVE, Kind.TRIGGER]
    assert len(one.incidents) == 1


def test_an_unsent_second_incident_is_cancelled_and_the_first_still_closed() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    attempt(one, OK, 1)
    enqueue_resolved(one, RESOLVED, 2)
    enqueue_firing(one, FIRING, "s", 3)

    assert enqueue_resolved(one, RESOLVED, 4) is Queued.CANCELLED
    assert attempt(one, OK, 9)[0] is Kind.RESOLVE
    assert one.is_empty


def test_a_close_given_up_leaves_the_incident_open_for_the_next_page() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    attempt(one, OK, 1)
    enqueue_resolved(one, RESOLVED, 2)
    enqueue_firing(one, FIRING, "s", 3)
    assert attempt(one, REFUSED, 4) == (Kind.RESOLVE, Settled.DEAD_PERMANENT)

    assert attempt(one, OK, 5)[0] is Kind.UPDATE
    enqueue_resolved(one, RESOLVED, 6)
    assert attempt(one, OK, 7)[0] is Kind.RESOLVE
    assert one.is_empty


def test_a_destination_that_wants_no_closes_gets_none() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    attempt(one, OK, 1)

    assert enqueue_resolved(one, None, 2) is Queued.RESOLVE_NOT_WANTED
    assert one.is_empty


@pytest.mark.parametrize("outcome", [OK, DOWN, REFUSED, LOST])
def test_an_unwanted_close_while_the_page_is_on_its_way_ends_the_incident_whatever_comes_back(outcome: Outcome) -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    claim(one, 1)
    enqueue_resolved(one, None, 2)
    settle(one, outcome, 3, Random(1), repeatable=True)

    assert one.is_empty


def test_a_delivery_that_was_on_its_way_at_a_crash_is_made_again_at_any_severity() -> None:
    one = queue()
    enqueue_firing(one, saying("firing", severity=Severity.INFO), "s", 1)
    claim(one, 1)
    assert interrupted(one)
    recover(one, 5)

    assert attempt(one, OK, 5) == (Kind.TRIGGER, Settled.SENT)


def test_a_close_after_a_crash_is_sent_though_the_page_is_not_known_to_have_arrived() -> None:
    one = queue()
    enqueue_firing(one, FIRING, "s", 1)
    claim(one, 1)
    enqueue_resolved(one, RESOLVED, 2)
    recover(one, 5)

    assert attempt(one, OK, 5) == (Kind.RESOLVE, Settled.SENT)
    assert one.is_empty


@pytest.mark.parametrize("severity", list(Severity))
def test_a_page_is_given_up_after_its_severitys_patience(severity: Severity) -> None:
    one = queue()
    enqueue_firing(one, saying("firing", severity=severity), "s", 0)
    assert attempt(one, DOWN, GIVE_UP_MS[severity] - 1)[1] is Settled.RETRY

    assert attempt(one, DOWN, GIVE_UP_MS[severity] + 400_000)[1] is Settled.DEAD_EXPIRED


def test_a_critical_page_is_tried_for_at_least_a_day_and_a_close_for_longer() -> None:
    assert GIVE_UP_MS[Severity.CRITICAL] >= 24 * 3_600_000
    assert max(GIVE_UP_MS.values()) < GIVE_UP_RESOLVE_MS


@pytest.mark.parametrize("attempts", [1, 2, 5, 9, 10, 50, 10_000])
def test_the_delay_is_full_jitter_up_to_five_minutes(attempts: int) -> None:
    random = Random(attempts)
    delays = [delay_ms(attempts, None, random) for _ in range(500)]
    cap = min(300_000, 1000 * 2 ** min(attempts - 1, 30))

    assert 0 <= min(delays) < cap * 0.1
    assert cap * 0.9 < max(delays) <= cap
    assert 0.4 * cap < sum(delays) / 500 < 0.6 * cap


@pytest.mark.parametrize(
    ("asked", "least", "most"), [(0, 0, 1), (30, 30, 31), (3600, 3600, 3601), (86_400, 3600, 3601), (-5, 0, 1)]
)
def test_retry_after_is_a_lower_bound_of_at_most_an_hour(asked: float, least: float, most: float) -> None:
    delay = delay_ms(3, asked, Random(3)) / 1000

    assert least <= delay <= most


class QueueGame(RuleBasedStateMachine):
    """Anything may happen in any order; the vendor models PagerDuty: one open incident per key.

    The promises: an incident that was opened is closed once the alert is over and the vendor works; never a resolve
    before its trigger; nothing is left in the queue then; a queue is always small; it survives being stored at any moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queue = queue()
        self.now_ms = 0
        self.firing = False
        self.random = Random(7)
        self.vendor_open = False
        self.on_its_way = False
        self.gave_up = False
        self.taken = False

    @rule()
    def page(self) -> None:
        self.now_ms += 1
        self.firing = True
        enqueue_firing(self.queue, saying("firing", self.now_ms), "s", self.now_ms, calls_again=self.taken)
        self.taken = False

    @precondition(lambda self: self.firing)
    @rule()
    def take(self) -> None:
        """Somebody takes it on; what comes next calls people again."""
        self.now_ms += 1
        self.taken = True
        said = msgspec.structs.replace(saying("firing", self.now_ms), acknowledged=1)
        assert said.is_taken
        enqueue_firing(self.queue, said, "s", self.now_ms)

    @precondition(lambda self: self.firing)
    @rule()
    def over(self) -> None:
        self.now_ms += 1
        self.firing = self.taken = False
        enqueue_resolved(self.queue, saying("resolved", self.now_ms), self.now_ms)

    @rule(wait=st.sampled_from([0, 1_000, 400_000]))
    def claim(self, wait: int) -> None:
        self.now_ms += wait
        if claim(self.queue, self.now_ms) is not None:
            assert not self.on_its_way
            self.on_its_way = True

    @precondition(lambda self: self.on_its_way)
    @rule(outcome=st.sampled_from([OK, DOWN, REFUSED, LOST]), taken=st.booleans(), repeatable=st.booleans())
    def answer(self, outcome: Outcome, taken: bool, repeatable: bool) -> None:
        self.now_ms += 1
        self.on_its_way = False
        kind = kind_of(self.queue, self.queue.rows[0])
        self._vendor(took=outcome.ok or (outcome is LOST and taken))
        settlement = settle(self.queue, outcome, self.now_ms, self.random, repeatable=repeatable)
        if settlement.reason.is_dead and kind is Kind.RESOLVE:
            self.gave_up = True

    @precondition(lambda self: self.on_its_way)
    @rule(taken=st.booleans())
    def crash(self, taken: bool) -> None:
        self.on_its_way = False
        self._vendor(took=taken)
        self.queue = decode(encode(self.queue), DeliveryQueue)
        recover(self.queue, self.now_ms)

    @rule()
    def store_and_load(self) -> None:
        self.queue = decode(encode(self.queue), DeliveryQueue)

    @invariant()
    def is_small_and_sound(self) -> None:
        assert interrupted(self.queue) is self.on_its_way
        assert len(self.queue.rows) <= 3
        assert len(self.queue.incidents) <= 2
        known = {incident.id for incident in self.queue.incidents}
        assert all(row.incident_id in known for row in self.queue.rows)
        assert all(row.state == "pending" for row in self.queue.rows[1:])
        ids = [row.delivery_id for row in self.queue.rows]
        assert len(set(ids)) == len(ids)

    def teardown(self) -> None:
        """The vendor recovers and the alert is over: everything must end closed and empty."""
        if self.firing:
            self.over()
        if self.on_its_way:
            self.answer(OK, taken=True, repeatable=True)
        for _ in range(10):
            self.now_ms += 10_000_000
            if claim(self.queue, self.now_ms) is None:
                break
            self._vendor(took=True)
            settle(self.queue, OK, self.now_ms, self.random, repeatable=True)
        assert self.queue.rows == []
        if not self.gave_up:
            assert self.queue.incidents == []
            assert not self.vendor_open

    def _vendor(self, *, took: bool) -> None:
        if not took:
            return
        row = self.queue.rows[0]
        kind = kind_of(self.queue, row)
        if kind is Kind.RESOLVE:
            self.vendor_open = False
        elif row.notification.is_taken:
            # It calls nobody and opens nothing.
            assert not row.calls_again
        elif kind is Kind.UPDATE and not row.calls_again:
            # A call has a key of its own, so it opens: a close that was refused may have been taken by an attempt before.
            assert self.vendor_open, "an update of what the vendor does not know"
        else:
            self.vendor_open = True


TestQueueGame = QueueGame.TestCase
TestQueueGame.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
