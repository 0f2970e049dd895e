"""Who is told of an incident that nobody has taken on, step by step, and when people are called for it once more.

The clock of an incident runs while an alert of it that some channel was told of fires, is not muted, and nobody has it. It is
part of the group, so a restart or another leader changes nothing. A receiver that a step has reached stays with the
incident until its close.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from driftbell.alerting.routing.routes import EscalationStep, Node
from driftbell.alerting.state.records import Group, LogEntry
from driftbell.schemas import Alert


def waits(group: Group, alerts: Mapping[str, Alert], held_back: Collection[str]) -> bool:
    """Whether something that people were told of fires, and nothing holds it back."""
    told = {name for entry in group.log.values() for name in entry.firing}
    firing = (name for name, alert in alerts.items() if alert.status == "firing" and name not in held_back)
    # In a storm it is told together with others.
    return any(name in told or group.held for name in firing)


def escalate(group: Group, node: Node | None, now_ms: int) -> list[str]:
    """The receivers whose time has come just now; the group remembers how far it is."""
    steps = () if node is None else node.options.escalate
    if not group.waiting_ms:
        return []
    due = [step.receiver for step in _ahead(group, steps) if group.waiting_ms + step.after_ms <= now_ms]
    group.escalated_to += tuple(due)
    return due


def receivers(group: Group, steps: Sequence[EscalationStep]) -> list[str]:
    """The receivers that the incident has reached, each once."""
    ahead = _ahead(group, steps)
    return list(dict.fromkeys(step.receiver for step in steps if step not in ahead))


def is_to_be_reminded(entry: LogEntry | None, remind_ms: int | None, now_ms: int) -> bool:
    """Whether people at a destination were called for so long ago that they are called once more."""
    if entry is None or not remind_ms or not entry.firing:
        return False
    return called_ms(entry) + remind_ms <= now_ms


def called_ms(entry: LogEntry) -> int:
    """When people at a destination were called for an incident last."""
    return entry.at_ms if entry.called_ms is msgspec.UNSET else entry.called_ms


def arm(group: Group, node: Node | None, something_waits: bool, now_ms: int) -> None:
    """After a flush: start or stop the clock, and come back when the next step or reminder is due."""
    group.waiting_ms = (group.waiting_ms or now_ms) if something_waits else 0
    # What was due is done, or held back.
    later = (at_ms for at_ms in _times(group, node) if at_ms > now_ms)
    group.next_flush_ms = min([group.next_flush_ms, *later])


def due_ms(group: Group, node: Node | None) -> int | None:
    """When the next step or reminder is due by the rules as they are now; None: never."""
    return min(_times(group, node), default=None)


def _times(group: Group, node: Node | None) -> list[int]:
    if not group.waiting_ms or node is None:
        return []
    steps, remind_ms = node.options.escalate, node.options.remind_ms
    times = [called_ms(entry) + remind_ms for entry in group.log.values() if entry.firing] if remind_ms else []
    return times + [group.waiting_ms + step.after_ms for step in _ahead(group, steps)]


def _ahead(group: Group, steps: Sequence[EscalationStep]) -> list[EscalationStep]:
    """The steps that were not reached. By their receivers, not their number: a reload may put one before them."""
    reached = Counter(group.escalated_to)
    ahead = []
    for step in steps:
        if reached[step.receiver]:
            reached[step.receiver] -= 1
        else:
            ahead.append(step)
    return ahead
