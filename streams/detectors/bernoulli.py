"""BernoulliESR: the share of events with some property rose above what is tolerated."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors.shiryaev_roberts import Bools, EvidenceState, Floats, ShiryaevRoberts, alarms
from driftbell.streams.versioned import Array

#: Alternatives stop here: p1 = 1 would make one counter-example infinite evidence. Above that, where p0 is higher still,
#: they stop where a counter-example is so many times as rare as under the null.
_HIGHEST = 0.99
_RARER = 4.0
#: The fine grid: p1 = p0 * 1.25^k. The coarse one: odds multiplied, the last one meaning "everything".
_RATIO = 1.25
_COARSE_ODDS = np.array([1.3, 1.8, 3.0, 6.0, 15.0, 50.0, 200.0, 1e9])
#: Null shares stay inside. A share that may be everything cannot rise: see ``_NO_BET``.
_LOWEST_NULL, _HIGHEST_NULL = 1e-6, 1 - 1e-6
#: Logarithm of the increment of a row that cannot rise. Below zero, as L = 1 would grow by one per event and reach any
#: threshold in time.
_NO_BET = -math.log(2)


class BernoulliState(EvidenceState, frozen=True):
    """The evidence, the tolerated share and the alarm of each row, shape (rows,)."""

    p0: Array
    alarms: Array
    #: Alternatives of each row; absent on the coarse grid.
    steps: list[int] | None = None


class BernoulliESR:
    """e-SR mixtures over alternatives p1 = p0 * 1.25^k (or a coarse grid of odds), one row per watched share.

    The null is "the conditional probability is at most p0", whatever the dependence between events; x may also be any
    value in [0, 1] with mean at most p0, because the increment is convex in x. A share that may be everything (p0 = 1) never
    alarms. The log likelihood ratio of n events
    with k successes is k log(p1/p0) + (n - k) log((1-p1)/(1-p0)). Source of the statistic: ``ShiryaevRoberts``.

    >>> rng = np.random.default_rng(1)
    >>> detector = BernoulliESR(p0=0.05, events_per_false_alarm=100_000)
    >>> for at in range(40):
    ...     rate = 0.04 if at < 20 else 0.12
    ...     detector.update(100, rng.binomial(100, rate), start_ms=at)
    ...     if detector.drift_detected:
    ...         print(f"found in batch {at}; it began in batch {detector.evidence.change_point(0)[0]}")
    ...         break
    found in batch 22; it began in batch 20
    """

    name: ClassVar[str] = "bernoulli-e-SR"
    calibrated: ClassVar[bool] = True

    __slots__ = (
        "_alarms",
        "_coarse",
        "_gain",
        "_log_bound",
        "_loss",
        "_steps",
        "events_per_false_alarm",
        "evidence",
        "p0",
    )

    def __init__(self, p0: npt.ArrayLike, events_per_false_alarm: float, *, coarse: bool = False) -> None:
        """One row per share.

        Args:
            p0: the tolerated share of each row.
            events_per_false_alarm: of all rows together.
            coarse: few alternatives, from a rise by a third to everything; costs a tenth of delay, saves memory.
        """
        self.p0: Floats = np.clip(np.atleast_1d(np.asarray(p0, np.float64)), _LOWEST_NULL, _HIGHEST_NULL)
        self.events_per_false_alarm = events_per_false_alarm
        self._log_bound = math.log(events_per_false_alarm)
        self._coarse = coarse
        self._spread([len(_COARSE_ODDS) if coarse else _steps(p) for p in self.p0.tolist()])
        self._alarms: Bools = np.zeros(len(self.p0), np.bool_)

    def _spread(self, steps: list[int]) -> None:
        """So many alternatives per row; they stay so many when the target moves."""
        self._steps = steps
        present = np.arange(max(steps, default=1))[None, :] < np.array(steps, np.int64).reshape(-1, 1)
        self.evidence = ShiryaevRoberts(present / present.sum(axis=1, keepdims=True))
        self._bet()

    def _bet(self) -> None:
        p0, p1 = self.p0[:, None], self.p1
        hopeless = p0 >= _HIGHEST_NULL
        self._gain = np.where(hopeless, _NO_BET, np.log(p1 / p0))
        self._loss = np.where(hopeless, _NO_BET, np.log1p(-p1) - np.log1p(-p0))

    @property
    def p1(self) -> Floats:
        """The alternatives, shape (rows, bets). Not kept: they are asked for when there is an alarm."""
        p0 = self.p0[:, None]
        if self._coarse:
            odds = _COARSE_ODDS * p0 / (1 - p0)
            raised = odds / (1 + odds)
        else:
            raised = p0 * _RATIO ** np.arange(1, max(self._steps, default=1) + 1, dtype=np.float64)
        # The last step of a row is cut: a total break then has a bet of its own.
        return np.minimum(raised, np.maximum(_HIGHEST, 1 - (1 - p0) / _RARER))

    def retarget(self, p0: npt.ArrayLike) -> None:
        """Tolerate other shares from now on, chosen from the past only; the evidence so far stands.

        An e-detector allows a null that moves, as long as it does not look at what it is about to judge.
        """
        self.p0 = np.clip(np.broadcast_to(np.asarray(p0, np.float64), self.p0.shape), _LOWEST_NULL, _HIGHEST_NULL)
        self._bet()

    def update(self, events: npt.ArrayLike, successes: npt.ArrayLike, start_ms: int = 0) -> None:
        """Take a batch: per row the number of events and of successes, shape (rows,)."""
        n = np.atleast_1d(np.asarray(events, np.float64))
        k = np.atleast_1d(np.asarray(successes, np.float64))
        log_l = k[:, None] * self._gain + (n - k)[:, None] * self._loss
        self.evidence.update(log_l, n, start_ms)
        if self.evidence.ceiling < self._log_bound:
            self._alarms = np.zeros(len(self.p0), np.bool_)
        else:
            self._alarms = alarms(self.evidence.log_evidence, self.events_per_false_alarm)

    @property
    def alarms(self) -> Bools:
        """Which rows alarm, shape (rows,)."""
        return self._alarms

    @property
    def drift_detected(self) -> bool:
        """Whether any row alarms."""
        return bool(self._alarms.any())

    def alternative(self, row: int) -> float:
        """The p1 of the bet with the most evidence."""
        return float(self.p1[row, self.evidence.best_bet(row)])

    def successes(self, row: int) -> float:
        """Successes since the change point: the walk and the events since then determine them."""
        bet = self.evidence.best_bet(row)
        _, events = self.evidence.change_point(row)
        gain, loss = self._gain[row, bet], self._loss[row, bet]
        if gain <= loss:
            return float(events)
        return float(np.clip((self.evidence.walk(row) - events * loss) / (gain - loss), 0, events))

    def reset(self, rows: Bools | int | slice = slice(None)) -> None:
        """Forget the evidence of the selected rows."""
        self.evidence.reset(rows)
        self._alarms = self._alarms.copy()
        self._alarms[rows] = False

    def state(self) -> BernoulliState:
        """The evidence and the targets, copied."""
        evidence = self.evidence.state()
        return BernoulliState(
            log_m=evidence.log_m,
            walk=evidence.walk,
            since=evidence.since,
            start_ms=evidence.start_ms,
            p0=self.p0.copy(),
            alarms=self._alarms.copy(),
            steps=None if self._coarse else list(self._steps),
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: the state has another number of rows.
        """
        saved = BernoulliState.read(state)
        steps = self._steps if saved.steps is None else list(saved.steps)
        if len(steps) == len(self._steps) and steps != self._steps:
            # Written by a detector that was made for another target and has followed a moving one since.
            self._spread(steps)
        self.evidence.restore(saved)
        self.retarget(saved.p0)
        self._alarms = np.array(saved.alarms, np.bool_)


def _steps(p0: float) -> int:
    return max(1, math.ceil(math.log(_HIGHEST / p0) / math.log(_RATIO)))
