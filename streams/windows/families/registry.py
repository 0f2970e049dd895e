"""The families of metrics in a window; a new one is a line here."""

from __future__ import annotations

from typing import Final

from driftbell.streams.windows.families.classification import Classification
from driftbell.streams.windows.families.latency import Latency
from driftbell.streams.windows.families.output import Output
from driftbell.streams.windows.families.probability import Probability
from driftbell.streams.windows.families.regression import Regression
from driftbell.streams.windows.family import MetricFamily

#: ``Volume`` comes on top: a window always has it.
FAMILIES: Final[tuple[type[MetricFamily], ...]] = (Latency, Output, Classification, Probability, Regression)
