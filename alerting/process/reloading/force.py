"""What a configuration that is put in force changes in the state, in one draft."""

from __future__ import annotations

import logging

from driftbell.alerting.destinations.old_names import rename
from driftbell.alerting.destinations.retirement import known, remember
from driftbell.alerting.outbox.delivery_queue import interrupted, recover
from driftbell.alerting.process.reloading.plan import InForce, Plan, record_of
from driftbell.alerting.state.state import Draft

log = logging.getLogger(__name__)


def rename_old(draft: Draft, plan: Plan, now_ms: int) -> None:
    """Give the destinations of a state of before identities theirs."""
    rename(draft, [endpoint.destination for endpoint in plan.identified(known(draft).values())], now_ms)


def take_up(draft: Draft, now_ms: int) -> None:
    """After taking over: what was on its way when the last leader ended is due again."""
    for queue_id, saved in draft.state.queues.items():
        if not interrupted(saved):
            continue
        queue = draft.queue(queue_id)
        assert queue is not None
        log.info("delivery was interrupted, making it again", extra={"queue": queue_id})
        recover(queue, now_ms)
        draft.drop_if_empty(queue)


def put_in_force(draft: Draft, plan: Plan, now_ms: int) -> InForce:
    """Let the state follow a configuration: who is retired, where alerts belong now, what is to be closed.

    Timers of groups that are still there go on, and so does what is on its way.
    """
    endpoints = plan.identified(known(draft).values())
    for record in remember(draft, map(record_of, endpoints), now_ms):
        log.warning(
            "destination is gone from the configuration: it is kept until all that is open there is closed",
            extra={
                "destination": record.label,
                "destination_id": record.id,
                "incidents": sum(len(queue.incidents) for queue in draft.queues_of(record.id)),
            },
        )
    rules = plan.in_force(endpoints, known(draft))
    for queue_id, saved in draft.state.queues.items():
        if saved.rows and saved.rows[0].refused and saved.rows[0].state == "pending":
            # Perhaps the configuration, or whoever gives the permission, has changed.
            queue = draft.queue(queue_id)
            if queue is not None and queue.rows:
                queue.rows[0].next_attempt_ms = now_ms
    rules.dispatch.reconcile(draft, now_ms)
    rules.failover.close_orphans(draft, now_ms)
    rules.dispatch.prune(draft, now_ms)
    return rules
