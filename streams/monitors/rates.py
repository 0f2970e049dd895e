"""Rates: shares of events that rose above what is tolerated; raised when sure, held until sure of the opposite."""

from __future__ import annotations

import copy
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors import BernoulliESR
from driftbell.streams.detectors.bernoulli import BernoulliState
from driftbell.streams.versioned import Array, Versioned

Floats = npt.NDArray[np.float64]

#: Odds at which recovery is believed: likelihood ratio of "as tolerated" against "half way to the alarm's level".
_RECOVERED = math.log(100)
#: Tolerated shares above this are taken for it: a share of everything has nothing to come back from.
_HIGHEST = 1 - 1e-6
#: A recovery window that is convincing on average but not yet clean is dropped after so many events.
_LONGEST_WINDOW = 500
#: Quiet batches are handed to the detector together, at the latest after so many events.
_LONGEST_QUIET = 8192


class RateAlarm(msgspec.Struct, omit_defaults=True):
    """One rate that is too high, from the alarm until it has recovered.

    Recovery is a test of its own, in the other direction: a likelihood walk between the tolerated share and a boundary
    half way (in logarithms) to the level that was alarmed, as the alarm's own threshold would flap. Where the rate
    persists the walk drifts down; after a fix it needs some 60 events when everything was broken, some hundred when the
    rate had doubled.
    """

    start_ms: int
    #: Since the likely change point: events, and those (or the sum of those shares) that count against the rate.
    events: float
    bad: float
    #: The rate the alarm supposes.
    level: float
    walk: float = 0.0
    window_events: float = 0.0
    window_bad: float = 0.0
    #: Among several rates.
    row: int = 0

    @property
    def rate(self) -> float:
        """Observed since the change point."""
        return self.bad / self.events if self.events else self.level

    def recovered(self, events: float, bad: float, tolerated: float) -> bool:
        """Take a batch; True when the rate is back within what is tolerated."""
        self.events += events
        self.bad += bad
        tolerated = min(tolerated, _HIGHEST)
        # A level near the tolerated one is told from it all the same, without passing 1.
        boundary = math.sqrt(tolerated * max(self.level, min(tolerated * 1.05, (1 + tolerated) / 2)))
        walk = max(self.walk, 0.0) + bad * math.log(tolerated / boundary)
        walk += (events - bad) * (math.log1p(-tolerated) - math.log1p(-boundary))
        if self.walk <= 0:
            self.window_events = self.window_bad = 0.0
        self.walk = walk
        self.window_events += events
        self.window_bad += bad
        if walk < _RECOVERED:
            return False
        n = self.window_events
        clean = self.window_bad <= tolerated * n + math.sqrt(n * tolerated * (1 - tolerated))
        if not clean and n > _LONGEST_WINDOW:
            self.walk = 0.0
        return clean


@dataclass(frozen=True, slots=True)
class RateFinding:
    """A rate that is too high now."""

    row: int
    rate: float
    baseline: float
    tolerated: float
    events: int
    start_ms: int


class RatesState(Versioned, frozen=True):
    """The detector, the events since the last one that counted, shape (rows,), and the alarms as they were raised."""

    quiet: Array
    quiet_start_ms: int
    alarms: list[RateAlarm]
    #: None as long as nothing has counted against any rate.
    detector: BernoulliState | None = None


class Rates:
    """Rows of rates, each with its baseline, what is tolerated of it, and its alarm while it has one.

    Their detector is made when something counts against one of them: most rates of most models are quiet for ever, and
    detectors were most of what a model took in memory.
    """

    __slots__ = (
        "_budget",
        "_coarse",
        "_detector",
        "_has_quiet",
        "_quiet",
        "_quiet_most",
        "_quiet_start_ms",
        "_tolerated",
        "alarms",
        "baseline",
    )

    def __init__(
        self,
        baseline: Sequence[float],
        tolerated: Sequence[float],
        events_per_false_alarm: float,
        *,
        coarse: bool = False,
    ) -> None:
        """One row per rate; ``coarse`` as ``BernoulliESR`` has it."""
        self.baseline = array("d", baseline)
        self._tolerated = array("d", tolerated)
        self._budget = events_per_false_alarm
        self._coarse = coarse
        self._detector: BernoulliESR | None = None
        self.alarms: dict[int, RateAlarm] = {}
        self._quiet: Floats = np.zeros(len(self.baseline))
        self._quiet_start_ms = 0
        #: The largest of them, and whether there are any. Asking the array takes as long as adding to it.
        self._quiet_most = 0.0
        self._has_quiet = False

    @property
    def detector(self) -> BernoulliESR:
        """What decides; made when it is first asked for."""
        if self._detector is None:
            self._detector = BernoulliESR(np.array(self._tolerated), self._budget, coarse=self._coarse)
        return self._detector

    def quiet(self, events: int, start_ms: int) -> bool:
        """Take a batch in which every row has so many events and none counts, in short; False: it must be taken at length."""
        if self.alarms or self._quiet_most >= _LONGEST_QUIET:
            return False
        self._quiet += events
        self._quiet_most += events
        if not self._has_quiet:
            self._quiet_start_ms = start_ms
            self._has_quiet = True
        return True

    def update(self, events: npt.ArrayLike, bad: npt.ArrayLike, start_ms: int) -> None:
        """Take a batch: per row its events, and those (or the sum of shares) that count against it."""
        n = np.asarray(events, np.float64)
        k = np.asarray(bad, np.float64)
        if not len(n):
            return
        if not self.alarms and self._quiet_most < _LONGEST_QUIET and not k.any():
            # Most rates are quiet most of the time. Batches may be merged: the statistic holds at any batch boundaries.
            self._quiet += n
            self._quiet_most = float(self._quiet.max())
            if not self._has_quiet:
                self._quiet_start_ms = start_ms
                self._has_quiet = bool(self._quiet.any())
            return
        if self._has_quiet:
            self.detector.update(self._quiet, np.zeros_like(n), self._quiet_start_ms)
            self._quiet[:] = 0
            self._quiet_most = 0.0
            self._has_quiet = False
        known = set(self.alarms)
        self.detector.update(n, k, start_ms)
        p0 = self.detector.p0
        for row in known:
            if self.alarms[row].recovered(float(n[row]), float(k[row]), float(p0[row])):
                del self.alarms[row]
                self.detector.reset(row)
        for row in np.flatnonzero(self.detector.alarms).tolist():
            if row not in self.alarms:
                self.alarms[row] = self._alarm(row)

    def _alarm(self, row: int) -> RateAlarm:
        evidence = self.detector.evidence
        start_ms, events = evidence.change_point(row)
        bad = float(round(self.detector.successes(row)))
        return RateAlarm(start_ms, float(events), bad, self.detector.alternative(row), row=row)

    def findings(self) -> list[RateFinding]:
        """The rates that are too high, longest first."""
        return [
            RateFinding(
                row,
                alarm.rate,
                self.baseline[row],
                float(self.detector.p0[row]),
                round(alarm.events),
                alarm.start_ms,
            )
            for row, alarm in self.alarms.items()
        ]

    def state(self) -> RatesState:
        """Everything needed to continue, copied."""
        return RatesState(
            detector=None if self._detector is None else self._detector.state(),
            quiet=self._quiet.copy(),
            quiet_start_ms=self._quiet_start_ms,
            alarms=[copy.copy(alarm) for alarm in self.alarms.values()],
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = RatesState.read(state)
        if saved.detector is not None:
            tolerated = self.detector.p0
            self.detector.restore(saved.detector)
            # What is tolerated follows the configuration, which may have changed since.
            self.detector.retarget(tolerated)
        self._quiet = np.array(saved.quiet, np.float64)
        self._quiet_most = float(self._quiet.max(initial=0.0))
        self._has_quiet = self._quiet_most > 0
        self._quiet_start_ms = saved.quiet_start_ms
        self.alarms = {alarm.row: copy.copy(alarm) for alarm in saved.alarms}
