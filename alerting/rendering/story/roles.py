"""What an alert is about, as a page sees it: its role among others, and what it says in a few words (pure)."""

from __future__ import annotations

import enum
from typing import Final

from driftbell.alerting.rendering.text import one_line, truncate
from driftbell.runtime.measured import PSI, changed, share, strength
from driftbell.runtime.wording import duration
from driftbell.schemas import Alert, Evidence

#: Characters of a name that a producer has given; a headline is one line.
MAX_NAME: Final = 40


class Role(enum.IntEnum):
    """The order in which alerts head a page: what hurts first, then what is likely to be its cause."""

    PERFORMANCE = 0
    CONCEPT = 1
    SILENCE = 2
    FAILURES = 3
    #: No alert of driftbell's own monitors.
    OTHER = 4
    LATENCY = 5
    QUALITY = 6
    FEATURE_DRIFT = 7
    PREDICTION_DRIFT = 8
    HEALTH = 9


_ROLES: Final = {
    "performance": Role.PERFORMANCE,
    "concept": Role.CONCEPT,
    "volume": Role.SILENCE,
    "failures": Role.FAILURES,
    "latency": Role.LATENCY,
    "quality": Role.QUALITY,
    "health": Role.HEALTH,
}

#: Metrics of the quality monitors -> what is wrong with a feature.
_WRONG: Final = {
    "missing_rate": "missing",
    "wrong_type_rate": "wrong type",
    "unseen_category_rate": "unseen",
    "out_of_range_rate": "out of range",
}
_BAD_LABELS: Final = "bad_label_rate"


def role_of(alert: Alert) -> Role:
    """The role of an alert, from its labels."""
    family = alert.labels.get("family", "")
    if family == "drift":
        return Role.FEATURE_DRIFT if "feature" in alert.labels else Role.PREDICTION_DRIFT
    if alert.evidence.metric == _BAD_LABELS:
        # It is about the labels, not about the model.
        return Role.QUALITY
    return _ROLES.get(family, Role.OTHER)


def moved(alert: Alert) -> set[str]:
    """The features that an alert says have moved."""
    named = {shift.feature for shift in alert.evidence.features}
    own = alert.labels.get("feature")
    return named | {own} if own else named


def name(text: str) -> str:
    """A name that a producer has given, short and on one line."""
    return truncate(one_line(text), MAX_NAME)


def phrase(alert: Alert) -> str:
    """What it says in a few words; empty where that is not known.

    ``error rate 0.5 -> 7.0 %``, ``f7 out of range (54 %)``, ``f3 moved (strongly)``, ``no predictions for 5 min``
    """
    role, evidence = role_of(alert), alert.evidence
    value = evidence.value
    if value is None or role in (Role.OTHER, Role.HEALTH):
        return ""
    if evidence.metric == _BAD_LABELS:
        return f"labels that are no numbers ({share(value)})"
    if role is Role.QUALITY:
        wrong = _WRONG.get(evidence.metric)
        return f"{_what(alert)} {wrong} ({share(value)})" if wrong else ""
    if role in (Role.FEATURE_DRIFT, Role.PREDICTION_DRIFT):
        return f"{_what(alert)} moved ({strength(value)})" if evidence.metric == PSI else ""
    if role is Role.SILENCE:
        return f"no predictions for {duration(1000 * value)}"
    return changed(evidence.metric, evidence.baseline, value)


def symptom(alert: Alert) -> str:
    """What moved, without the verb: ``f7 (very strongly)``."""
    value = alert.evidence.value
    how = f" ({strength(value)})" if value is not None and alert.evidence.metric == PSI else ""
    return f"{_what(alert)}{how}"


def cause_ms(alert: Alert, started_ms: int) -> int:
    """When the cause of an alert was, in epoch milliseconds: its change point, else when its condition was first seen.

    Args:
        alert: any.
        started_ms: when its condition was first seen.
    """
    change_ms = alert.evidence.change_point_ms
    return started_ms if change_ms is None or change_ms <= 0 else min(change_ms, started_ms)


def is_over(evidence: Evidence) -> bool:
    """Whether the value is one that raises no alert: what is measured now that all is well."""
    value, threshold, baseline = evidence.value, evidence.threshold, evidence.baseline
    if value is None or threshold is None:
        return False
    return value > threshold if baseline is not None and baseline > threshold else value < threshold


def _what(alert: Alert) -> str:
    own = alert.labels.get("feature") or alert.labels.get("column")
    return name(own) if own else "predictions"
