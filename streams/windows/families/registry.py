"""The families of metrics in a window; a new one is a line here."""

from __future__ import annotations

from typing import Final

from driftbell.streams.windows.families.classification import Classification
from driftbell.streams.windows.families.latency_quantiles import LatencyQuantiles
from driftbell.streams.windows.families.prediction_summary import PredictionSummary
from driftbell.streams.windows.families.probability import Probability
from driftbell.streams.windows.families.regression import Regression
from driftbell.streams.windows.family import MetricFamily

#: ``Volume`` comes on top: a window always has it.
FAMILIES: Final[tuple[type[MetricFamily], ...]] = (
    LatencyQuantiles,
    PredictionSummary,
    Classification,
    Probability,
    Regression,
)
