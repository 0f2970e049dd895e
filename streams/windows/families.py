"""The families of metrics in a window; a new one is a line here."""

from __future__ import annotations

from typing import Final

from streams.windows.classification import Classification
from streams.windows.family import MetricFamily
from streams.windows.latency import Latency
from streams.windows.output import Output
from streams.windows.probability import Probability
from streams.windows.regression import Regression

#: ``Volume`` comes on top: a window always has it.
FAMILIES: Final[tuple[type[MetricFamily], ...]] = (Latency, Output, Classification, Probability, Regression)
