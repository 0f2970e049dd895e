"""Latency quantiles of a window."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from driftbell.streams.stats import QuantileSketch
from driftbell.streams.windows.answers import Answers
from driftbell.streams.windows.family import MetricFamily, PredictionColumns, Values

_SHARES: Final = {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95, "latency_p99_ms": 0.99}


class LatencyQuantiles(MetricFamily):
    """``latency_p50_ms``, ``latency_p95_ms``, ``latency_p99_ms``, within the sketch's relative error (2 %)."""

    key: ClassVar[str] = "l"

    def __init__(self) -> None:
        self._sketch: QuantileSketch | None = None
        self._sealed: list[float] | None = None

    def on_predictions(self, columns: PredictionColumns, answers: Answers) -> None:
        """Count, unless the window is over: the sketch is gone then."""
        if self._sealed is not None or not len(columns.latency_ms):
            return
        if self._sketch is None:
            self._sketch = QuantileSketch()
        self._sketch.update(columns.latency_ms)

    def values(self, answers: Answers) -> Values:
        """The quantiles."""
        quantiles = self._sealed or self._quantiles()
        return dict(zip(_SHARES, quantiles, strict=True)) if quantiles else {}

    def seal(self) -> None:
        """Keep the quantiles only."""
        if self._sketch is not None:
            self._sealed, self._sketch = self._quantiles(), None

    def _quantiles(self) -> list[float]:
        if self._sketch is None:
            return []
        return [value for share in _SHARES.values() if (value := self._sketch.quantile(share)) is not None]

    def state(self) -> Any:
        """The quantiles of a window that is over, else the sketch."""
        return self._sealed if self._sketch is None else self._sketch.state()

    def restore(self, state: Any) -> None:
        """Continue from ``state``."""
        if isinstance(state, list):
            self._sealed = state
        else:
            self._sketch = QuantileSketch()
            self._sketch.restore(state)
