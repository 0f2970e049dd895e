"""The condition of a column that moved, with a sentence that says how."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from driftbell.runtime.config.model import Severity
from driftbell.runtime.wording import count, pair, percent, quantity, went
from driftbell.schemas import FeatureShift
from driftbell.streams.monitors.drift.shift_alarm import ShiftAlarm
from driftbell.streams.monitors.drift.shifts import Shifts
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.reference import Categories, Numbers
from driftbell.streams.reference.text_counts import SLOTS, text_hash

#: A share that moved by more than this is told as what happened.
_MANY = 0.05

#: Values that stand for a group of rare ones.
_EXAMPLES = 2

Shares = npt.NDArray[np.float64]


def shift_condition(
    shifts: Shifts,
    row: int,
    alarm: ShiftAlarm,
    *,
    alertname: str,
    severity: Severity,
    reason: str,
    labels: Mapping[str, str],
    more: int = 0,
) -> Condition:
    """What to say about the column in ``row``; ``more`` is how many others moved that are not reported one by one."""
    profile = shifts.profiles.profiles[row]
    value = shifts.psi_of(row)
    # What is told is counted over the recent events, which are not always all since the change.
    events = int(shifts.recent(row)[0].sum())
    summary = f"{_sentence(shifts, row, alarm)} in {count(events, 'events')}"
    if more > 0:
        summary += f"; {count(more, 'features')} more moved"
    log_evidence, _ = shifts.evidence_of(row)
    mover = FeatureShift(feature=profile.name, evidence=round(log_evidence, 2), psi=value, since_ms=alarm.start_ms)
    return Condition(
        alertname=alertname,
        family=Family.DRIFT,
        severity=severity,
        reason=reason,
        metric="psi",
        summary=summary,
        value=value,
        baseline=0.0,
        threshold=shifts.cutoff_of(row),
        window_events=events,
        window_start_ms=alarm.start_ms,
        change_point_ms=alarm.start_ms,
        detector=alarm.detector,
        labels=labels,
        features=[mover] if labels else (),
    )


def _sentence(shifts: Shifts, row: int, alarm: ShiftAlarm) -> str:
    profile = shifts.profiles.profiles[row]
    recent, reference = shifts.recent(row)
    now = recent / max(int(recent.sum()), 1)
    before = reference / max(int(reference.sum()), 1)
    if profile.categories is not None:
        return _mix(profile.name, profile.categories, alarm.category, before, now)
    if profile.numbers is not None:
        return _numbers(profile.name, profile.numbers, before, now, int(recent.sum()))
    return f"{profile.name} moved"


def _mix(name: str, mix: Categories, category: int, before: Shares, now: Shares) -> str:
    what = repr(mix.names[category]) if category < mix.alone else _group(mix, category - mix.alone)
    return f"mix of {name} moved: share of {what} {went(before[category], now[category], percent)}"


def _group(mix: Categories, group: int) -> str:
    """The values of a group: its most frequent ones stand for it."""
    size = len(mix.pooled) - mix.alone
    names = [name for name in mix.names[mix.alone :] if text_hash(name) % SLOTS % size == group][:_EXAMPLES]
    return f"rarer values such as {' and '.join(map(repr, names))}" if names and size > 1 else "rarer or unknown values"


def _numbers(name: str, numbers: Numbers, before: Shares, now: Shares, events: int) -> str:
    moved = int(np.argmax(np.abs(now - before)))
    for at, other, side, limit in ((0, -1, "below", numbers.low), (len(now) - 1, 0, "above", numbers.high)):
        gain, across = now[at] - before[at], now[other] - before[other]
        # Where both ends gained it is the width that moved.
        if now[at] > 0.5 or (moved == at and gain > max(_MANY, 2 * across)):
            return f"{name} moved: {percent(now[at])} of its values lie {side} all of the reference ({quantity(limit)})"
    single = _single_value(numbers, moved)
    if single is not None and abs(now[moved] - before[moved]) > _MANY:
        return f"{name} moved: share of {quantity(single)} {went(before[moved], now[moved], percent)}"
    low, middle, high = (_quantile(before, numbers, share) for share in (0.1, 0.5, 0.9))
    new_low, new_middle, new_high = (_quantile(now, numbers, share) for share in (0.1, 0.5, 0.9))
    if abs(new_middle - middle) < 0.25 * abs((new_high - new_low) - (high - low)):
        (was_low, is_low), (was_high, is_high) = pair(low, new_low, quantity), pair(high, new_high, quantity)
        return f"{name} moved: middle 80 % was from {was_low} to {was_high} and is from {is_low} to {is_high}"
    # The standard error of a median is 1.25 sd over the root of the events, and four fifths of a normal lie within 2.56 sd: a
    # median that moved by less than two of it says nothing, and may even name the wrong direction.
    if abs(new_middle - middle) > (high - low) / math.sqrt(max(events, 1)):
        return f"{name} moved: median {went(middle, new_middle, quantity)}"
    return f"{name} moved: share of values {_range(numbers, moved)} {went(before[moved], now[moved], percent)}"


def _range(numbers: Numbers, at: int) -> str:
    """The values of a bin."""
    if at == 0:
        return f"below {quantity(numbers.low)}"
    if at == len(numbers.edges):
        return f"above {quantity(numbers.high)}"
    low, high = pair(numbers.value(numbers.edges[at - 1]), numbers.value(numbers.edges[at]), quantity)
    return f"from {low} to {high}"


def _single_value(numbers: Numbers, at: int) -> float | None:
    """The value of a bin that holds only one."""
    if not 0 < at < len(numbers.edges):
        return None
    low = numbers.edges[at - 1]
    return numbers.value(low) if np.nextafter(low, np.float32(np.inf)) == numbers.edges[at] else None


def _quantile(shares: Shares, numbers: Numbers, share: float) -> float:
    """A quantile from shares per bin, by interpolation; beyond the reference's range its end."""
    total = np.cumsum(shares)
    at = min(int(np.searchsorted(total, share * total[-1])), len(shares) - 1)
    low = numbers.value(numbers.edges[max(at - 1, 0)])
    high = numbers.value(numbers.edges[min(at, len(numbers.edges) - 1)])
    below = float(total[at - 1]) if at else 0.0
    within = (share * float(total[-1]) - below) / max(float(shares[at]), 1e-12)
    return low + (high - low) * min(max(within, 0.0), 1.0)
