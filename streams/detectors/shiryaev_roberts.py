"""The mixture e-SR statistic: evidence of a change at an unknown time, many rows and bets at once."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from driftbell.streams.versioned import Array, Versioned

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Logarithm of "no evidence yet": finite, so that no arithmetic on it warns; exp of it is zero.
NOTHING = -1e6


class EvidenceState(Versioned, frozen=True):
    """The evidence of rows x bets; every array has shape (rows, bets)."""

    log_m: Array
    walk: Array
    since: Array
    start_ms: Array


class ShiryaevRoberts:
    """Rows x bets of e-SR statistics M with the likelihood walks that tell where the change began.

    Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (NEJSDS 2024,
    arXiv 2203.03532): with increments L >= 0 whose expectation given the past is at most 1 before the change,
    M <- L (1 + M) raises M >= A at most once per A events on average, under any dependence, and so does a mixture over
    bets. Here a whole batch of n events is one step, M <- L_batch (n + M): all n possible change points start at the
    batch's beginning, so that M minus the events seen stays a supermartingale.

    Evidence is kept as logarithms in float32: the state of a model must stay small, and an alarm threshold of log A =
    20 does not feel a relative error of 1e-7.

    >>> evidence = ShiryaevRoberts(np.array([[0.5, 0.5]]))
    >>> for at in range(3):
    ...     evidence.update(np.array([[1.0, -1.0]]), np.array([10.0]), start_ms=at)
    >>> [round(value, 2) for value in evidence.log_evidence.tolist()], evidence.best_bet(0), evidence.change_point(0)
    ([5.04], 0, (0, 30))
    """

    __slots__ = ("_log_weights", "_since", "_start_ms", "_walk", "bets", "log_m", "rows")

    def __init__(self, weights: Floats) -> None:
        """``weights``, shape (rows, bets): the mixture, each row sums to 1; 0 marks a bet that a row does not have."""
        self.rows, self.bets = weights.shape
        self._log_weights = _logs(weights)
        self.log_m: npt.NDArray[np.float32]
        self._walk: npt.NDArray[np.float32]
        self._since: npt.NDArray[np.uint32]
        self._start_ms: Ints
        self.reset()

    def reset(self, rows: Bools | int | slice = slice(None)) -> None:
        """Forget the evidence of the selected rows."""
        if isinstance(rows, slice):
            shape = (self.rows, self.bets)
            self.log_m = np.full(shape, NOTHING, np.float32)
            self._walk = np.zeros(shape, np.float32)
            self._since = np.zeros(shape, np.uint32)
            self._start_ms = np.zeros(shape, np.int64)
            return
        self.log_m[rows] = NOTHING
        self._walk[rows] = 0
        self._since[rows] = 0
        self._start_ms[rows] = 0

    def update(self, log_l: Floats, events: Floats, start_ms: int) -> None:
        """Take one batch.

        Args:
            log_l: shape (rows, bets), the summed log increments of the batch.
            events: shape (rows,), the events of the batch that concern a row; a row with 0 events does not move.
            start_ms: the time of the batch's first event.
        """
        moved = events > 0
        all_moved = bool(moved.all())
        grown = np.logaddexp(self.log_m, np.log(events if all_moved else np.maximum(events, 1.0))[:, None])
        grown += log_l
        if not all_moved:
            grown = np.where(moved[:, None], grown, self.log_m)
            log_l = np.where(moved[:, None], log_l, 0.0)
        self.log_m = np.maximum(grown, NOTHING, dtype=np.float32, casting="same_kind")
        fresh = self._walk <= 0
        self._since[fresh] = 0
        self._start_ms[fresh] = start_ms
        walk = np.maximum(self._walk, 0)
        walk += log_l
        self._walk = walk
        self._since += events.astype(np.uint32)[:, None]

    @property
    def ceiling(self) -> float:
        """No row's evidence is larger: its best weighed bet times the number of bets. Costs a fifth of ``log_evidence``."""
        return float((self.log_m + self._log_weights).max(initial=NOTHING)) + math.log(self.bets)

    @property
    def log_evidence(self) -> Floats:
        """log of the mixture, shape (rows,)."""
        weighed = self.log_m + self._log_weights
        top = weighed.max(axis=1)
        return np.asarray(top + np.log(np.exp(weighed - top[:, None]).sum(axis=1)))

    def best_bet(self, row: int) -> int:
        """The bet with the most evidence in ``row``."""
        return int(np.argmax(self.log_m[row] + self._log_weights[row]))

    def change_point(self, row: int) -> tuple[int, int]:
        """Where the best bet's walk was last at its minimum: (epoch milliseconds, events since then)."""
        bet = self.best_bet(row)
        return int(self._start_ms[row, bet]), int(self._since[row, bet])

    def since(self, row: int) -> npt.NDArray[np.uint32]:
        """Events since each bet's walk was last at its minimum, shape (bets,)."""
        since: npt.NDArray[np.uint32] = self._since[row]
        return since

    def walk(self, row: int) -> float:
        """The best bet's log likelihood ratio since its change point."""
        return float(self._walk[row, self.best_bet(row)])

    def state(self) -> EvidenceState:
        """The evidence, copied."""
        return EvidenceState(
            log_m=self.log_m.copy(),
            walk=self._walk.copy(),
            since=self._since.copy(),
            start_ms=self._start_ms.copy(),
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: the state has another number of rows or bets (``BadStateError``: it is no such state).
        """
        saved = EvidenceState.read(state)
        shape = (self.rows, self.bets)
        if any(kept.shape != shape for kept in (saved.log_m, saved.walk, saved.since, saved.start_ms)):
            raise ValueError(f"state has shape {saved.log_m.shape}, the detector {shape}")
        self.log_m = np.array(saved.log_m, np.float32)
        self._walk = np.array(saved.walk, np.float32)
        self._since = np.array(saved.since, np.uint32)
        self._start_ms = np.array(saved.start_ms, np.int64)


def _logs(weights: Floats) -> Floats:
    """The logarithms of the weights. Where all rows bet alike, which is most often, all detectors share one row."""
    first = weights[:1]
    if not (weights == first).all():
        return _log_rows(weights.tobytes(), weights.shape[1])
    return np.broadcast_to(_log_rows(first.tobytes(), weights.shape[1]), weights.shape)


@lru_cache(maxsize=256)
def _log_rows(weights: bytes, bets: int) -> Floats:
    known = np.frombuffer(weights, np.float64).reshape(-1, bets)
    with np.errstate(divide="ignore"):
        logs = np.where(known > 0, np.log(known), NOTHING)
    logs.flags.writeable = False
    return logs


def alarms(log_evidence: Floats, events_per_false_alarm: float) -> Bools:
    """Which rows alarm, so that all rows together raise one false alarm per ``events_per_false_alarm`` events.

    Sort the evidence M(1) >= M(2) >= ...; the k largest alarm for the largest k with M(k) >= rows * A / k
    (e-d-BH: Dandapanthula & Ramdas, "Multiple testing in multi-stream sequential change detection", arXiv 2501.04130).
    Whenever any row alarms, the mean of all M is at least A, and the mean of e-SR statistics is one: so the budget
    holds for the whole, while k rows that moved together need k times less evidence each than Bonferroni asks.

    >>> alarms(np.log([5e5, 4e5, 1.0]), events_per_false_alarm=100_000).tolist()
    [True, True, False]
    """
    rows = len(log_evidence)
    if rows == 0:
        return np.zeros(0, np.bool_)
    bound = math.log(events_per_false_alarm) + math.log(rows)
    if rows == 1 or log_evidence.max() < bound - math.log(rows):
        return np.asarray(log_evidence >= bound)
    order = np.sort(log_evidence)[::-1]
    passed = np.flatnonzero(order >= bound - np.log(np.arange(1, rows + 1)))
    if not len(passed):
        return np.zeros(rows, np.bool_)
    return np.asarray(log_evidence >= order[passed[-1]])
