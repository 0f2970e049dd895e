"""TooManyFeatures: events carry more features than a reference has room for; what has none is not watched."""

from __future__ import annotations

from driftbell.runtime.wording import count
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.reference import Reference


def too_many_features(reference: Reference, now_ms: int) -> list[Condition]:
    """What to say of the features for which ``reference`` had no room lately: at most one condition.

    It is no monitor, as it compares nothing and remembers nothing: the reference does.
    """
    unplaced, limit = reference.unplaced, reference.settings.max_features
    if not unplaced.shown(now_ms):
        return []
    names = unplaced.names
    about = "" if names.exact else "about "
    return [
        Condition(
            alertname="TooManyFeatures",
            family=Family.HEALTH,
            severity="warning",
            reason="too_many_features",
            metric="features",
            value=float(names.count),
            threshold=float(limit),
            window_events=unplaced.events,
            window_start_ms=unplaced.start_ms,
            summary=(
                f"{about}{count(names.count, 'features')} beyond the {limit} for which there is room "
                f"(monitoring.reference.max_features), such as {names.examples}, in "
                f"{count(unplaced.events, 'predictions')}; they are not watched. Name what the model reads in features, not "
                "the request or the user"
            ),
        )
    ]
