"""Acknowledge, snooze, give back: what a command does to alerts, and which alerts a person means. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from driftbell.alerting.life.flapping import shown_of
from driftbell.alerting.state.records import Acknowledgement, DeliveryQueue, Group
from driftbell.alerting.state.silence import Acknowledge, Answer, Unacknowledge
from driftbell.alerting.state.state import Draft, State

#: Characters of a name and of a comment; more is cut.
LONGEST_NAME, LONGEST_COMMENT = 100, 1_000
#: A snooze is at most so long; who wants more wants a silence.
LONGEST_SNOOZE_MS = 30 * 86_400_000
#: How far a vendor's clock may be behind ours.
CLOCKS_MS = 5_000


class AcknowledgeReason(enum.StrEnum):
    """What became of a command. The value is the log field and what tests assert."""

    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    GIVEN_BACK = "given_back"
    #: Nobody had it.
    NOT_ACKNOWLEDGED = "not_acknowledged"
    #: Nothing that fires has this name.
    NOT_FIRING = "not_firing"
    #: It was asked before the incident opened, or before the last that was done: the word of it came late.
    OUTDATED = "outdated"
    INVALID_TIME = "invalid_time"


def acknowledge(draft: Draft, command_id: str, action: Acknowledge, now_ms: int) -> Answer:
    """Take alerts on, for everybody: each channel that shows them is told once, and none calls anyone for them."""
    if action.until_ms and not now_ms < action.until_ms <= now_ms + LONGEST_SNOOZE_MS:
        error = "a snooze must end in the future, and within 30 days"
        return Answer(id=command_id, at_ms=now_ms, reason=AcknowledgeReason.INVALID_TIME.value, error=error)
    meant = firing_of(draft, action.target, now_ms)
    if not meant:
        return _unknown(command_id, action.target, now_ms)
    meant = _since(draft, action, meant)
    if not meant:
        return _outdated(command_id, now_ms)
    made = Acknowledgement(
        by=action.by[:LONGEST_NAME],
        at_ms=now_ms,
        until_ms=action.until_ms,
        comment=action.comment[:LONGEST_COMMENT],
    )
    _set(draft, meant, made, now_ms)
    _note(draft, meant, action.asked_ms or now_ms)
    reason = AcknowledgeReason.SNOOZED if action.until_ms else AcknowledgeReason.ACKNOWLEDGED
    return Answer(id=command_id, at_ms=now_ms, reason=reason.value, alerts=meant)


def give_back(draft: Draft, command_id: str, action: Unacknowledge, now_ms: int) -> Answer:
    """Take an acknowledgement back: people are called again."""
    meant = firing_of(draft, action.target, now_ms)
    if not meant:
        return _unknown(command_id, action.target, now_ms)
    meant = _since(draft, action, meant)
    if not meant:
        return _outdated(command_id, now_ms)
    # Also where nobody has it yet: the word of an earlier acknowledgement may still come.
    _note(draft, meant, action.asked_ms or now_ms)
    taken = tuple(name for name in meant if (one := draft.acknowledgement(name)) is not None and one.holds(now_ms))
    if not taken:
        return Answer(id=command_id, at_ms=now_ms, reason=AcknowledgeReason.NOT_ACKNOWLEDGED.value)
    _set(draft, taken, None, now_ms)
    return Answer(id=command_id, at_ms=now_ms, reason=AcknowledgeReason.GIVEN_BACK.value, alerts=taken)


def firing_of(draft: Draft, target: str, now_ms: int) -> tuple[str, ...]:
    """The firing alerts that a fingerprint, an incident's id or a vendor's key of it stands for, sorted.

    Of an incident these are the alerts that a channel was told of: nobody takes on what nobody has seen.
    """
    state = draft.state
    if target in state.entries:
        return _firing(draft, [target], now_ms)
    group = group_of(state, target)
    return () if group is None else _told(draft, group, now_ms)


def _since(draft: Draft, action: Acknowledge | Unacknowledge, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of which nothing is later than what is asked."""
    asked_ms = action.asked_ms
    if not asked_ms:
        return names
    queue = _queue_of(draft.state, action.target)
    if queue is not None and queue.incidents and asked_ms + CLOCKS_MS < queue.incidents[-1].opened_ms:
        # Of an incident before this one, which had the same key: nobody has seen this one yet.
        return ()
    return tuple(
        name for name in names if (entry := draft.entry_to_read(name)) and entry.acknowledgement_ms <= asked_ms
    )


def group_of(state: State, target: str) -> Group | None:
    """The group whose id it is, or whose incident's id, or a vendor's key of it."""
    group = state.groups.get(target)
    if group is None:
        queue = _queue_of(state, target)
        group = None if queue is None else state.groups.get(queue.group_id)
    return group


def _queue_of(state: State, target: str) -> DeliveryQueue | None:
    key = target.rpartition("-")[0] if "-" in target else target
    return state.queues.get(key) or next(
        (one for one in state.queues.values() if any(incident.id == target for incident in one.incidents)), None
    )


def _told(draft: Draft, group: Group, now_ms: int) -> tuple[str, ...]:
    told = {name for entry in group.log.values() for name in entry.firing} & group.members
    return _firing(draft, told, now_ms) or _firing(draft, group.members, now_ms)


def _firing(draft: Draft, names: Iterable[str], now_ms: int) -> tuple[str, ...]:
    found = shown_of(draft, names, now_ms)
    return tuple(sorted(name for name, alert in found.items() if alert.status == "firing"))


def _set(draft: Draft, names: Iterable[str], made: Acknowledgement | None, now_ms: int) -> None:
    for name in names:
        entry = draft.entry(name)
        assert entry is not None
        entry.acknowledgement = made
        for group_id in entry.groups:
            known = draft.group_to_read(group_id)
            # A group that gathers its first alerts waits on: nobody has heard of it.
            if known is None or not known.flushed or known.next_flush_ms <= now_ms:
                continue
            group = draft.group(group_id)
            assert group is not None
            group.next_flush_ms = now_ms


def _note(draft: Draft, names: Iterable[str], at_ms: int) -> None:
    for name in names:
        entry = draft.entry(name)
        assert entry is not None
        entry.acknowledgement_ms = at_ms


def _outdated(command_id: str, now_ms: int) -> Answer:
    error = "it was asked before the incident opened, or before somebody else took it on or gave it back"
    return Answer(id=command_id, at_ms=now_ms, reason=AcknowledgeReason.OUTDATED.value, error=error)


def _unknown(command_id: str, target: str, now_ms: int) -> Answer:
    error = f"nothing that fires is {target[:100]!r}: give a fingerprint or the id of an open incident"
    return Answer(id=command_id, at_ms=now_ms, reason=AcknowledgeReason.NOT_FIRING.value, error=error)
