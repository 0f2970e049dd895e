"""The condition of a column that moved, with a sentence that says how."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.config import Severity
from schemas import FeatureShift
from streams.monitor import Condition, Family
from streams.monitors.shifts import ShiftAlarm, Shifts
from streams.monitors.wording import count, percent, quantity


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
    value, cutoff = shifts.psi_of(row), shifts.cutoff_of(row)
    summary = _sentence(shifts, row, alarm)
    if value is not None:
        summary += f" (PSI {value:.2f} over recent events)"
    if more > 0:
        summary += f"; {count(more, 'features')} more moved"
    evidence = {found: (log_m, start) for found, log_m, start in shifts.evidence()}[row]
    mover = FeatureShift(feature=profile.name, evidence=round(evidence[0], 2), psi=value, since_ms=alarm.start_ms)
    return Condition(
        alertname=alertname,
        family=Family.DRIFT,
        severity=severity,
        reason=reason,
        metric="psi",
        summary=summary,
        value=value,
        baseline=0.0,
        threshold=cutoff,
        window_events=alarm.events,
        window_start_ms=alarm.start_ms,
        change_point_ms=alarm.start_ms,
        detector=alarm.detector,
        labels=labels,
        features=[mover] if labels else (),
    )


def _sentence(shifts: Shifts, row: int, alarm: ShiftAlarm) -> str:
    profile = shifts.profiles.profiles[row]
    during = f"in {count(alarm.events, 'events')}"
    if profile.categories is not None:
        before, now = shifts.recent_share(row, alarm.category)
        names = profile.categories.names
        told_apart = alarm.category < min(len(names), profile.categories.TOLD_APART)
        what = repr(names[alarm.category]) if told_apart else "the rarer values"
        verb = "rose" if now > before else "fell"
        return f"mix of {profile.name} moved: share of {what} {verb} from {percent(before)} to {percent(now)} {during}"
    before_median, now_median = shifts.medians(row)
    low, high = shifts.outer_shares(row)
    if max(low, high) > 0.5:
        side, share, limit = ("below", low, profile.numbers.low) if low > high else ("above", high, profile.numbers.high)  # type: ignore[union-attr]
        return (
            f"{profile.name} moved: {percent(share)} of its values lie {side} {quantity(limit)}, "
            f"where the reference has none, {during}"
        )
    return f"{profile.name} moved: median {quantity(before_median)} before, {quantity(now_median)} now, {during}"
