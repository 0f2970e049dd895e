"""The demo's model: River's online logistic regression, learning from each label as it arrives."""

from __future__ import annotations

from typing import Any

from driftbell.demo.data import ANOMALY, NORMAL, Features, Reading

#: The categories of ``mode`` that the model was built for.
KNOWN_MODES = frozenset({"idle", "low", "high"})


class OnlineModel:
    """Classifies readings. As served models do, it answers whatever it is given, and never says that it should not."""

    def __init__(self) -> None:
        from river import compose, linear_model, preprocessing

        numbers = compose.SelectType(int, float) | preprocessing.StandardScaler()
        categories = compose.SelectType(str) | preprocessing.OneHotEncoder()
        self._pipeline: Any = (numbers + categories) | linear_model.LogisticRegression()

    def predict(self, features: Features) -> tuple[str, float]:
        """The class and the probability of an anomaly."""
        probability = float(self._pipeline.predict_proba_one(features).get(True, 0.0))
        return (ANOMALY if probability > 0.5 else NORMAL), probability

    def learn(self, reading: Reading) -> None:
        """Learn from one labelled reading.

        A reading with a mode that it does not know is skipped, as training code that validates its rows does. That is
        also why the accuracy stays down for as long as the upstream change lasts, and is back at once when it is undone.
        """
        if reading.features["mode"] in KNOWN_MODES:
            self._pipeline.learn_one(reading.features, reading.label == ANOMALY)
