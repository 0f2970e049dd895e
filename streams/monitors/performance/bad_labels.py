"""BadLabels: labels of a regression that are no numbers, more of them than in the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from driftbell.streams.agreement import number_of
from driftbell.streams.monitors.rates import RateFinding, Rates, RatesState
from driftbell.streams.stats import upper_bound
from driftbell.streams.versioned import Versioned

#: Standard errors by which the reference's own share may be wrong, and what may come on top before it is an alarm.
_REFERENCE_ERRORS = 3.0
_TOLERANCE = 0.005
#: How much of an example is shown.
_LONGEST_EXAMPLE = 40

Pair = tuple[Any, Any]


class BadLabelsState(Versioned, frozen=True):
    """The reference's labels and bad ones, the latest example, and the rate."""

    labels: float
    bad: float
    example: str
    rates: RatesState


class BadLabels:
    """Takes labels that are no numbers out of a regression's pairs, and watches their share."""

    def __init__(self, labels: float, bad: float, events_per_false_alarm: float) -> None:
        """``labels`` and ``bad``: of the reference."""
        self.labels, self.bad = float(labels), float(bad)
        tolerated = upper_bound(bad, labels, _REFERENCE_ERRORS) + _TOLERANCE
        self._rates = Rates([bad / labels if labels else 0.0], [tolerated], events_per_false_alarm)
        #: The latest bad label, shortened.
        self.example = ""

    def taken_out(self, pairs: Sequence[Pair], start_ms: int) -> list[Pair]:
        """The pairs whose label is a number; the others are counted."""
        good = [pair for pair in pairs if number_of(pair[1]) is not None]
        bad = len(pairs) - len(good)
        if bad:
            last = next(label for _, label in reversed(pairs) if number_of(label) is None)
            self.example = str(last)[:_LONGEST_EXAMPLE]
        self._rates.update([len(pairs)], [bad], start_ms)
        return good

    def findings(self) -> list[RateFinding]:
        """The share of bad labels, if it is too high."""
        return self._rates.findings()

    def state(self) -> BadLabelsState:
        """Everything needed to continue, copied."""
        return BadLabelsState(labels=self.labels, bad=self.bad, example=self.example, rates=self._rates.state())

    @classmethod
    def restored(cls, state: object, events_per_false_alarm: float) -> BadLabels:
        """What wrote ``state``."""
        saved = BadLabelsState.read(state)
        restored = cls(saved.labels, saved.bad, events_per_false_alarm)
        restored.example = saved.example
        restored._rates.restore(saved.rates)
        return restored
