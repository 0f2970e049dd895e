"""Windowed metrics: one subject's numbers over windows of prediction time, kept right as labels come."""

from __future__ import annotations

from driftbell.streams.windows.metric_windows import MetricWindows
from driftbell.streams.windows.uncounted import Uncounted

__all__ = ["MetricWindows", "Uncounted"]
