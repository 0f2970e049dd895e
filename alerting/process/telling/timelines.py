"""What the router decides and what channels answer, written into the timelines that ``driftbell why`` shows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from driftbell.alerting.incidents.decision import Decision
from driftbell.alerting.life.timelines import is_news, note
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.delivery_queue import Settlement
from driftbell.alerting.outbox.outcome import Outcome
from driftbell.alerting.state.records import DeliveryQueue, Group
from driftbell.alerting.state.state import Draft
from driftbell.alerting.state.timelines.timeline import Happening

#: Alerts whose reasons to be held back are named in one line.
_MAX_NAMED = 5


def note_decisions(draft: Draft, decisions: Sequence[Decision], now_ms: int, label: Callable[[str], str]) -> None:
    """Write down what flushes decided: what they queue, and what of a group is held back where that is new."""
    for group_id, made in itertools.groupby(decisions, key=lambda decision: decision.group_id):
        group = _group(draft, group_id)
        if group is not None:
            _note_flush(draft, group, list(made), now_ms, label)


def _note_flush(
    draft: Draft, group: Group, decisions: Sequence[Decision], now_ms: int, label: Callable[[str], str]
) -> None:
    # Destinations that show an alert already are not held back from closing it: together they say what mutes.
    muted = {name: str(mute) for decision in decisions for name, mute in decision.muted.items() if mute}
    held_back = "; ".join(sorted(set(muted.values()))[:_MAX_NAMED])
    happenings = []
    if is_news(draft, group.id, held_back):
        what, detail = ("held_back", f"{len(muted)} of its alerts: {held_back}") if muted else ("not_held_back", "")
        happenings.append(Happening(at_ms=now_ms, what=what, detail=detail))
    for decision in decisions:
        if decision.queued is not None:
            detail = f"{decision.queued}; {decision.firing} firing, {decision.resolved} resolved"
            to = label(decision.destination)
            happenings.append(Happening(at_ms=now_ms, what=decision.reason, destination=to, detail=detail))
    if happenings:
        note(draft, group, *happenings, held_back=held_back)


def note_attempt(
    draft: Draft,
    queue: DeliveryQueue,
    delivery: Delivery,
    outcome: Outcome,
    settlement: Settlement,
    now_ms: int,
    label: Callable[[str], str],
) -> None:
    """Write down what a channel answered, and what follows of it."""
    group = _group(draft, queue.group_id)
    if group is None:
        timeline = draft.timeline_to_read(queue.group_id)
        if timeline is None:
            return  # a message about a destination: it is of no group
        group = Group(
            id=timeline.id,
            route_id=timeline.route,
            key=timeline.key,
            labels={},
            created_ms=now_ms,
            next_flush_ms=now_ms,
        )
    detail = delivery.kind.value if outcome.ok else f"{delivery.kind.value}, {settlement.reason}"
    if outcome.detail:
        detail += f": {outcome.detail}"
    if queue.via:
        detail += f" (in place of {label(queue.via)})"
    note(
        draft,
        group,
        Happening(at_ms=now_ms, what=outcome.reason, destination=label(queue.destination), detail=detail),
    )


def _group(draft: Draft, group_id: str) -> Group | None:
    """A group, also one that this draft deletes."""
    return draft.group_to_read(group_id) or draft.state.groups.get(group_id)
