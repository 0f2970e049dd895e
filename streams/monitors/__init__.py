"""The monitors, one concern per file. A new one is a file and a line in ``REGISTRY``."""

from __future__ import annotations

from typing import Any

from driftbell.streams.monitors.base import BaseMonitor, Context, NoOptions, Options
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

#: What watches one version of a model, by the name used in the configuration.
REGISTRY: dict[str, type[BaseMonitor[Any]]] = {
    Missing.name: Missing,
    WrongType.name: WrongType,
    UnseenCategory.name: UnseenCategory,
    OutOfRange.name: OutOfRange,
    FeatureDrift.name: FeatureDrift,
    PredictionDrift.name: PredictionDrift,
    ErrorRate.name: ErrorRate,
    FailureRate.name: FailureRate,
    Latency.name: Latency,
}
#: What watches a model over all its versions.
MODEL_REGISTRY: dict[str, type[BaseMonitor[Any]]] = {
    Silence.name: Silence,
}

__all__ = ["MODEL_REGISTRY", "REGISTRY", "BaseMonitor", "Context", "NoOptions", "Options"]
