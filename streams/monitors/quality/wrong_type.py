"""Wrong type: a feature, or the prediction, is of another type than in the reference, such as a number sent as text."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from driftbell.streams.batch import PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.monitors.quality.feature_rates import REFERENCE_ERRORS, FeatureRates, FeatureRatesState
from driftbell.streams.monitors.rates import Rates, RatesState
from driftbell.streams.reference import PREDICTION, Columns, Profile
from driftbell.streams.stats import upper_bound


class WrongTypeReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    WRONG_TYPE_RATE_ROSE = "wrong_type_rate_rose"


class WrongTypeState(FeatureRatesState, frozen=True):
    """The rates of the features and that of the prediction."""

    prediction: RatesState | None = None


class WrongType(FeatureRates):
    """Share of values of another type, of all values present: of each feature, and of the prediction.

    Integers and floats are one type; booleans are no numbers.
    """

    #: The prediction's rate, once there is a reference; it has the same part of the budget as each feature.
    _prediction: Rates | None = None

    name = "wrong_type"
    reasons = WrongTypeReason
    alertname = "WrongType"
    metric = "wrong_type_rate"
    reason = WrongTypeReason.WRONG_TYPE_RATE_ROSE
    phrase = "wrong-type rate"

    def concerns(self, profile: Profile) -> bool:
        """A feature that never had a value has no type."""
        return profile.present > 0

    def learned(self, profile: Profile) -> tuple[float, float]:
        """Values and wrong values of the reference."""
        return profile.events - profile.missing, profile.wrong

    def none_counts(self, columns: Columns) -> bool:
        """No value is of another type."""
        return True

    def counted(self, columns: Columns) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Values and wrong values of the batch."""
        return columns.events - columns.missing, columns.wrong

    @property
    def budget(self) -> float:
        """One part more is the prediction's."""
        features = max(len(self._rows), 1)
        return self.context.events_per_false_alarm * (features + 1) / features

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Count the batch."""
        super().on_predictions(batch)
        if not self.context.reference.ready:
            return
        rates = self._prediction or self._begin_prediction()
        columns = self.context.reference.predictions(batch)
        if columns is not None and self.concerns(self._profile):
            if columns.whole and rates.quiet(columns.events, columns.start_ms):
                return
            events, bad = self.counted(columns)
            rates.update(events, bad, columns.start_ms)

    @property
    def _profile(self) -> Profile:
        return self.context.reference.prediction.profiles[0]

    def _begin_prediction(self) -> Rates:
        events, bad = self.learned(self._profile)
        tolerated = upper_bound(bad, events, REFERENCE_ERRORS) + self.context.options.tolerance
        parts = len(self.context.reference.features.profiles) + 1
        self._prediction = Rates(
            [bad / events if events else 0.0],
            [tolerated],
            self.context.events_per_false_alarm * parts,
            coarse=True,
        )
        return self._prediction

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """One condition per feature whose rate is too high, and one for the prediction."""
        findings = [] if self._prediction is None else self._prediction.findings()
        return [
            *super().conditions(now_ms),
            *(replace(self.condition_of(self._profile, f, 0), labels={"column": PREDICTION}) for f in findings),
        ]

    def state(self) -> WrongTypeState:
        """Everything needed to continue, copied."""
        prediction = self._prediction.state() if self._prediction else None
        return WrongTypeState(rates=super().state().rates, prediction=prediction)

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        saved = WrongTypeState.read(state)
        super().restore(FeatureRatesState(rates=saved.rates))
        if saved.prediction is not None:
            self._begin_prediction().restore(saved.prediction)
        return Restored.CONTINUED
