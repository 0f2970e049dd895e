"""The queue of a destination, against a plain search."""

from __future__ import annotations

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from driftbell.alerting.outbox.delivery_queue import enqueue_firing, new_queue
from driftbell.alerting.state.due_deliveries import DueDeliveries
from driftbell.alerting.state.records import DeliveryQueue, Severity
from tests.alerting.channels.deliveries import delivery


def queue(number: int, severity: Severity, since_ms: int, due_ms: int, *, sending: bool) -> DeliveryQueue:
    made = new_queue(str(number), "oncall/slack[0]")
    notification = msgspec.structs.replace(delivery().notification, severity=severity)
    enqueue_firing(made, notification, "s", since_ms)
    made.rows[0].next_attempt_ms = due_ms
    made.rows[0].state = "sending" if sending else "pending"
    return made


changes = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from(list(Severity)),
        st.integers(0, 50),
        st.integers(0, 100),
        st.booleans(),
        st.booleans(),
        st.integers(0, 100),
    ),
    max_size=25,
)


@example([(0, Severity.CRITICAL, 0, 0, False, False, 0), (0, Severity.ERROR, 0, 0, False, False, 0)])
@example(
    [
        (0, Severity.CRITICAL, 5, 0, False, False, 0),
        (1, Severity.CRITICAL, 0, 0, False, False, 0),
        (1, Severity.ERROR, 0, 0, False, False, 0),
    ]
)
@given(changes)
def test_it_finds_what_a_search_finds(steps: list[tuple[int, Severity, int, int, bool, bool, int]]) -> None:
    queues: dict[str, DeliveryQueue] = {}
    due_deliveries = DueDeliveries(queues)
    now_ms = 0
    for number, severity, since_ms, due_ms, sending, gone, passed in steps:
        changed = queue(number, severity, since_ms, due_ms, sending=sending)
        if gone:
            queues.pop(changed.id, None)
        else:
            queues[changed.id] = changed
            due_deliveries.put(changed)
        now_ms += passed
        pending = [one.rows[0] for one in queues.values() if one.rows[0].state == "pending"]
        due = [(row.notification.severity.rank, row.since_ms) for row in pending if row.next_attempt_ms <= now_ms]
        later = [row.next_attempt_ms for row in pending if row.next_attempt_ms > now_ms]
        found = due_deliveries.next(now_ms)

        if found is None:
            assert due == []
        else:
            row = found.rows[0]
            assert (row.notification.severity.rank, row.since_ms) == min(due)
        assert due_deliveries.next_ms() == min(later, default=None)
