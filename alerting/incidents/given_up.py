"""What was given up: kept for inspection, told about once, and tried again at the next flush."""

from __future__ import annotations

import logging

import msgspec

from driftbell.alerting.incidents.decision import GIVEN_UP_MS
from driftbell.alerting.outbox.backoff import REFUSED_PAUSE_MS, REFUSED_RETRY_MS
from driftbell.alerting.outbox.outcome import OutcomeReason
from driftbell.alerting.state.records import DeadDelivery, DeliveryQueue, Row
from driftbell.alerting.state.state import Draft, State

log = logging.getLogger(__name__)

#: Deliveries given up that are kept for inspection; the oldest go first.
MAX_DEAD_LETTERS = 1_000

#: A message that is given up again within this time of the last is not reported elsewhere again.
REPORT_AGAIN_MS = 3_600_000


def bury(draft: Draft, letter: DeadDelivery) -> None:
    """Keep a delivery that was given up, in the place of the oldest if there are too many."""
    log.error(
        "delivery given up",
        extra={
            "destination": letter.destination,
            "kind": letter.kind.value,
            "reason": letter.reason,
            "last_reason": letter.last_reason,
            "last_error": letter.last_error,
            "attempts": letter.attempts,
            "subject": letter.subject,
        },
    )
    draft.dead_deliveries[letter.delivery_id] = letter
    known = draft.state.dead_deliveries
    if len(known) >= MAX_DEAD_LETTERS:
        oldest = min(known.values(), key=lambda one: one.at_ms)
        draft.dead_deliveries[oldest.delivery_id] = None


def reported(state: State, letter: DeadDelivery) -> bool:
    """Whether the same message was given up lately: it is tried at every flush of its group, and one report is enough."""
    return any(
        known.destination == letter.destination
        and known.subject == letter.subject
        and known.at_ms > letter.at_ms - REPORT_AGAIN_MS
        for known in state.dead_deliveries.values()
    )


def notify_again(draft: Draft, queue: DeliveryQueue) -> None:
    """The destination does not know what its log entry says, so the next flush of the group tries again."""
    group = draft.group(queue.group_id)
    entry = group.log.get(queue.destination) if group is not None else None
    if group is not None and entry is not None:
        group.log[queue.destination] = msgspec.structs.replace(entry, at_ms=GIVEN_UP_MS)


def hasten(draft: Draft, destination: str, now_ms: int) -> None:
    """A destination works again: what failed there is due now, except where the vendor asked for time."""
    for saved in list(draft.state.queues_of(destination)):
        if saved.rows and _can_be_sooner(saved.rows[0], now_ms):
            queue = draft.queue(saved.id)
            if queue is not None:
                queue.rows[0].next_attempt_ms = now_ms


def _can_be_sooner(row: Row, now_ms: int) -> bool:
    if row.state == "sending" or row.next_attempt_ms <= now_ms or row.last_reason == OutcomeReason.RATE_LIMITED:
        return False
    # Where every success is followed by a refusal, each would make the other come at once.
    return not row.refused or row.next_attempt_ms <= now_ms + REFUSED_RETRY_MS - REFUSED_PAUSE_MS
