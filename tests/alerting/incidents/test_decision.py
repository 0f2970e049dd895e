"""Alertmanager's decision table, case by case, and against its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.alerting.incidents.decision import DecisionReason, needs_update
from driftbell.alerting.state.records import LogEntry

HOUR = 3_600_000
NOW = 100 * HOUR


def log(firing: str = "", resolved: str = "", age_ms: int = 0) -> LogEntry:
    return LogEntry(at_ms=NOW - age_ms, firing=frozenset(firing), resolved=frozenset(resolved))


@pytest.mark.parametrize(
    ("last", "firing", "resolved", "send_resolved", "expected"),
    [
        (None, "a", "", True, DecisionReason.FIRST_NOTIFICATION),
        (None, "", "", True, DecisionReason.NOTHING_FIRING),
        (None, "", "a", True, DecisionReason.NOTHING_FIRING),
        (log("a"), "ab", "", True, DecisionReason.NEW_ALERTS),
        (log("a", age_ms=5 * HOUR), "ab", "", True, DecisionReason.NEW_ALERTS),
        (log("", "a"), "a", "", True, DecisionReason.FIRST_NOTIFICATION),
        (log("a"), "", "a", True, DecisionReason.ALL_RESOLVED),
        (log("a"), "", "a", False, DecisionReason.ALL_RESOLVED),
        (log("", "a"), "", "ab", True, DecisionReason.NOTHING_FIRING),
        (log("ab"), "a", "b", True, DecisionReason.ALERTS_RESOLVED),
        (log("ab"), "a", "b", False, DecisionReason.UP_TO_DATE),
        (log("a", "b"), "a", "b", True, DecisionReason.UP_TO_DATE),
        (log("a"), "a", "", True, DecisionReason.UP_TO_DATE),
        (log("ab"), "a", "", True, DecisionReason.UP_TO_DATE),
        (log("a", age_ms=4 * HOUR), "a", "", True, DecisionReason.UP_TO_DATE),
        (log("a", age_ms=4 * HOUR + 1), "a", "", True, DecisionReason.REPEAT),
        (log("ab", age_ms=5 * HOUR), "a", "b", False, DecisionReason.REPEAT),
        (log("a", age_ms=NOW), "a", "", True, DecisionReason.TRIED_AGAIN),
        (log("a", age_ms=NOW), "ab", "", True, DecisionReason.NEW_ALERTS),
    ],
)
def test_a_case_of_the_table(
    last: LogEntry | None, firing: str, resolved: str, send_resolved: bool, expected: DecisionReason
) -> None:
    found = needs_update(last, set(firing), set(resolved), send_resolved=send_resolved, repeat_ms=4 * HOUR, now_ms=NOW)

    assert found is expected


sets = st.frozensets(st.sampled_from("abc"))


@given(
    last=st.none() | st.builds(log, sets.map("".join), sets.map("".join), st.sampled_from([0, 5 * HOUR])),
    firing=sets,
    resolved=sets,
    send_resolved=st.booleans(),
)
def test_whether_to_send_is_needs_update_of_alertmanager(
    last: LogEntry | None, firing: frozenset[str], resolved: frozenset[str], send_resolved: bool
) -> None:
    found = needs_update(last, firing, resolved, send_resolved=send_resolved, repeat_ms=4 * HOUR, now_ms=NOW)

    # notify/notify.go, DedupStage.needsUpdate, line by line.
    if last is None:
        expected = len(firing) > 0
    elif not firing <= last.firing:
        expected = True
    elif len(firing) == 0:
        expected = len(last.firing) > 0
    elif send_resolved and not resolved <= last.resolved:
        expected = True
    else:
        expected = last.at_ms < NOW - 4 * HOUR
    assert found.sends is expected
