"""The registry of monitors: a new one is a file and a line here."""

from __future__ import annotations

from typing import Any, Final

from driftbell.streams.monitors.base import BaseMonitor
from driftbell.streams.monitors.drift.feature_drift import FeatureDrift
from driftbell.streams.monitors.drift.prediction_drift import PredictionDrift
from driftbell.streams.monitors.performance.error_rate import ErrorRate
from driftbell.streams.monitors.quality.missing import Missing
from driftbell.streams.monitors.quality.out_of_range import OutOfRange
from driftbell.streams.monitors.quality.unseen_category import UnseenCategory
from driftbell.streams.monitors.quality.wrong_type import WrongType
from driftbell.streams.monitors.service.failure_rate import FailureRate
from driftbell.streams.monitors.service.latency import Latency
from driftbell.streams.monitors.service.silence import Silence
from driftbell.streams.monitors.service.unlearned import Unlearned

Registry = dict[str, type[BaseMonitor[Any]]]

#: What watches one version of a model, by the name used in the configuration; conditions come in this order.
REGISTRY: Final[Registry] = {
    monitor.name: monitor
    for monitor in (
        Missing,
        WrongType,
        UnseenCategory,
        OutOfRange,
        FeatureDrift,
        PredictionDrift,
        ErrorRate,
        FailureRate,
        Latency,
    )
}
#: What watches a model over all its versions.
MODEL_REGISTRY: Final[Registry] = {monitor.name: monitor for monitor in (Silence, Unlearned)}
#: Every reason that the condition of a version or a model may have here: the monitors' own, what the guard says of a part that
#: was switched off, and features for which there is no room. ``observability/fired_reasons.py`` has those of all alerts.
REASONS: Final[tuple[str, ...]] = (
    *(reason.value for monitor in (*REGISTRY.values(), *MODEL_REGISTRY.values()) for reason in monitor.reasons),
    "monitor_raised",
    "too_many_features",
)
