"""CUSUM with a calibrated run length, for series that are nearly normal: means of blocks."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors.shiryaev_roberts import Floats
from driftbell.streams.versioned import Array, Versioned

#: Siegmund (1985), "Sequential Analysis", 2.57: the overshoot of a normal random walk, both sides of the strip.
_OVERSHOOT = 1.166


def run_length(threshold: float, drift: float) -> float:
    """Mean steps until a one-sided CUSUM of unit normal increments with mean ``drift`` first exceeds ``threshold``.

    Siegmund's approximation: with b = threshold + 1.166, (exp(-2 d b) + 2 d b - 1) / (2 d^2). Asked for 10,000 it gave
    10,152 and 9,615 in simulation.

    >>> round(run_length(threshold=4.0, drift=-0.5)), round(run_length(threshold=4.0, drift=0.5), 1)
    (338, 8.3)
    """
    b = threshold + _OVERSHOOT
    if abs(drift) < 1e-9:
        return b * b
    exponent = -2 * drift * b
    if exponent > 700:
        return math.inf
    return (math.exp(exponent) + 2 * drift * b - 1) / (2 * drift * drift)


def threshold_for(steps_per_false_alarm: float, reference_value: float) -> float:
    """The threshold at which one side's run length without a change is ``steps_per_false_alarm`` (bisection).

    >>> round(threshold_for(10_000, reference_value=0.5), 2)
    7.35
    """
    low, high = 0.0, 1.0
    while run_length(high, -reference_value) < steps_per_false_alarm:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        if run_length(middle, -reference_value) < steps_per_false_alarm:
            low = middle
        else:
            high = middle
    return high


class CUSUMState(Versioned, frozen=True):
    """Sums, steps and times since zero, and the largest sum of the last update; shape (2, rows) each."""

    sums: Array
    steps: Array
    start_ms: Array
    reached: Array


class CUSUM:
    """Two-sided CUSUMs (Page 1954) of unit normal series, one row per series, thresholds by ``run_length``.

    S+ <- max(0, S+ + z - k), S- <- max(0, S- - z - k); an alarm when either passes h. Meant for means of blocks of 20
    and more events, which are near enough to normal.

    >>> rng = np.random.default_rng(1)
    >>> detector = CUSUM(rows=1, steps_per_false_alarm=10_000)
    >>> for at in range(60):
    ...     detector.update(rng.normal(0 if at < 30 else 1, 1, 1), start_ms=at)
    ...     if detector.drift_detected:
    ...         print(f"found at step {at}; it began at step {detector.change_point(0)[0]}")
    ...         break
    found at step 48; it began at step 30
    """

    name: ClassVar[str] = "CUSUM"
    calibrated: ClassVar[bool] = True

    def __init__(self, rows: int, steps_per_false_alarm: float, reference_value: npt.ArrayLike = 0.5) -> None:
        """One row per series.

        Args:
            rows: the number of series.
            steps_per_false_alarm: of all rows and both sides together.
            reference_value: k, half the shift (in standard deviations) to catch; one for all or one per row.
        """
        self.rows = rows
        self.k: Floats = np.broadcast_to(np.asarray(reference_value, np.float64), (rows,)).copy()
        per_side = max(steps_per_false_alarm, 2.0) * 2 * max(rows, 1)
        self.h: Floats = np.array([threshold_for(per_side, k) for k in self.k.tolist()])
        self.reset()

    def reset(self) -> None:
        """Forget the evidence."""
        self._sums: Floats = np.zeros((2, self.rows))
        self._steps = np.zeros((2, self.rows), np.int64)
        self._start_ms = np.zeros((2, self.rows), np.int64)
        self._reached: Floats = np.zeros((2, self.rows))

    def update(self, z: npt.NDArray[np.float64], start_ms: int = 0) -> None:
        """Take a step or several: standardised values, shape (steps, rows) or (rows,)."""
        signs = np.array([[1.0], [-1.0]])
        self._reached = np.zeros((2, self.rows))
        for step in np.atleast_2d(z):
            fresh = self._sums <= 0
            self._steps[fresh] = 0
            self._start_ms[fresh] = start_ms
            self._sums = np.maximum(self._sums + signs * step - self.k, 0.0)
            self._steps += 1
            self._reached = np.maximum(self._reached, self._sums)

    @property
    def log_evidence(self) -> Floats:
        """2 k S of the larger side, shape (rows,): the log likelihood ratio of a shift of 2 k standard deviations."""
        return np.asarray(2 * self.k * self._sums.max(axis=0))

    @property
    def alarms(self) -> npt.NDArray[np.bool_]:
        """Which rows passed their threshold in the last update, shape (rows,)."""
        return np.asarray((self._reached >= self.h).any(axis=0))

    @property
    def drift_detected(self) -> bool:
        """Whether any row passed its threshold in the last update."""
        return bool(self.alarms.any())

    def change_point(self, row: int) -> tuple[int, int]:
        """Where the larger side of ``row`` last was zero: (epoch milliseconds, steps since then)."""
        side = int(np.argmax(self._sums[:, row]))
        return int(self._start_ms[side, row]), int(self._steps[side, row])

    def shift(self, row: int) -> float:
        """How far the mean moved since the change point, in standard deviations: S/steps + k, without sign."""
        side = int(np.argmax(self._sums[:, row]))
        return float(self._sums[side, row] / max(int(self._steps[side, row]), 1) + self.k[row])

    def state(self) -> CUSUMState:
        """The evidence, copied."""
        return CUSUMState(
            sums=self._sums.copy(),
            steps=self._steps.copy(),
            start_ms=self._start_ms.copy(),
            reached=self._reached.copy(),
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: the state has another number of rows.
        """
        saved = CUSUMState.read(state)
        shape = (2, self.rows)
        if any(kept.shape != shape for kept in (saved.sums, saved.steps, saved.start_ms, saved.reached)):
            raise ValueError(f"state has shape {saved.sums.shape}, the detector {shape}")
        self._sums = np.array(saved.sums, np.float64)
        self._steps = np.array(saved.steps, np.int64)
        self._start_ms = np.array(saved.start_ms, np.int64)
        self._reached = np.array(saved.reached, np.float64)
