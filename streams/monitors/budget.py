"""The false-alarm budget of a subject: how its monitors share it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from driftbell.streams.monitors.base import BaseMonitor


def events_per_false_alarm(budget: float, monitors: Iterable[type[BaseMonitor[Any]]]) -> float:
    """What each monitor that runs must keep so that all together raise one false alarm per ``budget`` events of the subject.

    Each has an equal share (Bonferroni), and divides it among its own detectors. A monitor with ``budgeted = False``
    decides by a deadline, which has no false-alarm rate, and takes no share; nor does one that is switched off.

    >>> from driftbell.streams.monitors.registry import REGISTRY
    >>> events_per_false_alarm(1_000_000, [REGISTRY["missing"], REGISTRY["latency"]])
    2000000.0
    """
    sharing = max(1, sum(monitor.budgeted for monitor in monitors))
    return float(budget * sharing)
