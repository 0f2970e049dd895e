"""Which delivery of a destination is next: by severity, those never tried first, then by age, among those whose time has come.

Two heaps, because thousands of queues may wait behind a vendor's limit and each attempt asks this question. Items that
are out of date stay in the heaps until they come up, and are then recognised by their delivery and time.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from driftbell.alerting.state.records import DeliveryQueue, Row, Severity

#: The reason of a message about very many incidents (``driftbell.alerting.storms.digest``): it goes before each of them.
MANY_INCIDENTS = "many_incidents"

#: Time, queue, delivery.
_Waiting = tuple[int, str, str]
#: Severity, whether it is of one incident, whether it was tried, age, queue, delivery, time.
_Ready = tuple[int, bool, bool, int, str, str, int]


class DueDeliveries:
    """The queues of one destination in the order of their next deliveries.

    Args:
        queues: the state's queues by id; what is put in here is looked up there when it comes up.
    """

    def __init__(self, queues: Mapping[str, DeliveryQueue]) -> None:
        self._queues = queues
        self._waiting: list[_Waiting] = []
        self._ready: list[_Ready] = []

    def put(self, queue: DeliveryQueue) -> None:
        """A queue is new or has changed."""
        row = _first_pending(queue)
        if row is not None:
            heapq.heappush(self._waiting, (row.next_attempt_ms, queue.id, row.delivery_id))

    def next(self, now_ms: int) -> DeliveryQueue | None:
        """The queue whose first delivery is due and most urgent; it stays here until it changes."""
        while self._waiting and self._waiting[0][0] <= now_ms:
            at_ms, queue_id, delivery_id = heapq.heappop(self._waiting)
            row = self._row(queue_id, delivery_id, at_ms)
            if row is not None:
                rank = row.notification.severity.rank
                # A page that was never tried may be the one that arrives: retries wait behind it.
                item = (rank, not is_digest(row), row.attempts > 0, row.since_ms, queue_id, delivery_id, at_ms)
                heapq.heappush(self._ready, item)
        while self._ready:
            rank, _, _, since_ms, queue_id, delivery_id, at_ms = self._ready[0]
            row = self._row(queue_id, delivery_id, at_ms)
            # Its place was that of what it was: what is more or less severe now has another.
            if row is not None and (row.notification.severity.rank, row.since_ms) == (rank, since_ms):
                return self._queues[queue_id]
            heapq.heappop(self._ready)
        return None

    def next_ms(self) -> int | None:
        """When the next delivery is due that is not due yet; None when there is none. Never later than the truth."""
        while self._waiting:
            at_ms, queue_id, delivery_id = self._waiting[0]
            if self._row(queue_id, delivery_id, at_ms) is not None:
                return at_ms
            heapq.heappop(self._waiting)
        return None

    def _row(self, queue_id: str, delivery_id: str, at_ms: int) -> Row | None:
        queue = self._queues.get(queue_id)
        row = None if queue is None else _first_pending(queue)
        if row is None or row.delivery_id != delivery_id or row.next_attempt_ms != at_ms:
            return None
        return row


class Undelivered:
    """Grave messages that no channel has taken yet, by age: when another destination is to be used.

    Args:
        queues: as ``DueDeliveries``.
    """

    def __init__(self, queues: Mapping[str, DeliveryQueue]) -> None:
        self._queues = queues
        #: Since when, queue, delivery.
        self._heap: list[tuple[int, str, str]] = []
        self._known: set[str] = set()

    def put(self, queue: DeliveryQueue) -> None:
        """A queue is new or has changed."""
        for row in queue.rows:
            if _may_fail_over(row) and row.delivery_id not in self._known:
                self._known.add(row.delivery_id)
                heapq.heappush(self._heap, (row.since_ms, queue.id, row.delivery_id))

    def since(self, at_ms: int) -> list[tuple[str, str]]:
        """(queue, delivery) of those that have waited since ``at_ms`` or longer; they stay here until they change."""
        found: list[tuple[int, str, str]] = []
        while self._heap and self._heap[0][0] <= at_ms:
            item = heapq.heappop(self._heap)
            if self._waits(item):
                found.append(item)
            else:
                self._known.discard(item[2])
        for item in found:
            heapq.heappush(self._heap, item)
        return [(queue_id, delivery_id) for _, queue_id, delivery_id in found]

    def oldest_ms(self) -> int | None:
        """Since when the oldest waits; None when there is none. Never later than the truth."""
        while self._heap and not self._waits(self._heap[0]):
            self._known.discard(heapq.heappop(self._heap)[2])
        return self._heap[0][0] if self._heap else None

    def _waits(self, item: tuple[int, str, str]) -> bool:
        queue = self._queues.get(item[1])
        return queue is not None and any(row.delivery_id == item[2] and _may_fail_over(row) for row in queue.rows)


def is_digest(row: Row) -> bool:
    """Whether a message is about very many incidents."""
    return row.notification.reason == MANY_INCIDENTS


def _may_fail_over(row: Row) -> bool:
    told = row.notification
    grave = told.status == "firing" and told.severity.rank <= Severity.ERROR.rank and not told.is_taken
    return grave and not row.failed_over


def _first_pending(queue: DeliveryQueue) -> Row | None:
    return queue.rows[0] if queue.rows and queue.rows[0].state == "pending" else None
