"""Whether a router does its work, so that its heartbeat may be sent. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from driftbell.alerting.state.records import DeliveryQueue

#: How long alert records may wait to be read, milliseconds.
MAX_BEHIND_MS = 60_000


class Vital(enum.StrEnum):
    """Why the heartbeat is sent, or stays away. The value is the log field, the metric label and what tests assert."""

    WELL = "well"
    #: Another router leads, and it is its heartbeat that counts.
    NOT_LEADING = "not_leading"
    #: Store or Kafka do not answer, the topic is not there, the group decides.
    NOT_READY = "not_ready"
    #: Alert records wait to be read.
    BEHIND = "behind"
    #: A message waits for its channel.
    QUEUE_OLD = "queue_old"


@dataclass(frozen=True, slots=True)
class Vitals:
    """A look at the router.

    Args:
        leads: whether it is the leader.
        trouble: why it is not ready; empty: it is.
        even_ms: when all alert records had been read, last.
        oldest_ms: since when the oldest message waits; None: none does.
        now_ms: epoch milliseconds.
    """

    leads: bool
    trouble: str
    even_ms: int
    oldest_ms: int | None
    now_ms: int


def judge(vitals: Vitals, max_queue_age_ms: int) -> tuple[Vital, str]:
    """Whether the heartbeat may be sent, and what to say if not."""
    if not vitals.leads:
        return Vital.NOT_LEADING, ""
    if vitals.trouble:
        return Vital.NOT_READY, vitals.trouble
    behind_ms = vitals.now_ms - vitals.even_ms
    if behind_ms > MAX_BEHIND_MS:
        return Vital.BEHIND, f"alert records have waited for {behind_ms // 1000} s"
    if vitals.oldest_ms is not None and vitals.now_ms - vitals.oldest_ms > max_queue_age_ms:
        return Vital.QUEUE_OLD, f"a message has waited for {(vitals.now_ms - vitals.oldest_ms) // 1000} s"
    return Vital.WELL, ""


def oldest_of(queues: Iterable[DeliveryQueue]) -> int | None:
    """Since when the oldest message waits.

    Closes that a channel refuses are tried every hour for ever, and what was opened elsewhere instead is told: they do not
    keep a heartbeat away for days.
    """
    waiting = (row.since_ms for queue in queues for row in queue.rows if not row.refused and not row.failed_over)
    return min(waiting, default=None)
