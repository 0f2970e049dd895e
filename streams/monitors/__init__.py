"""The monitors, one concern per file. A new one is a file and a line in ``REGISTRY``."""

from __future__ import annotations

from typing import Any

from streams.monitors.base import BaseMonitor, Context, NoOptions, Options
from streams.monitors.error_rate import ErrorRate
from streams.monitors.failure_rate import FailureRate
from streams.monitors.feature_drift import FeatureDrift
from streams.monitors.latency import Latency
from streams.monitors.missing import Missing
from streams.monitors.out_of_range import OutOfRange
from streams.monitors.prediction_drift import PredictionDrift
from streams.monitors.silence import Silence
from streams.monitors.unseen_category import UnseenCategory
from streams.monitors.wrong_type import WrongType

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
