"""Why something is not in a window's metrics."""

from __future__ import annotations

import enum


class Uncounted(enum.StrEnum):
    """The value is the metric label."""

    #: A prediction older than the windows that are kept.
    PREDICTION_TOO_OLD = "prediction_too_old"
    #: A label whose window is no longer kept: choose a longer ``metrics_window`` where labels are slow.
    LABEL_TOO_LATE = "label_too_late"
    #: A label of a regression model that is no number; it is left out of the errors.
    LABEL_NOT_A_NUMBER = "label_not_a_number"
    #: A score outside of 0 to 1: a logit or a percentage. Log loss, Brier score and ROC need probabilities.
    SCORE_NOT_A_PROBABILITY = "score_not_a_probability"
    #: Scores by class that do not add up to 1: publish the probabilities of all classes.
    SCORES_NOT_SUMMING_TO_ONE = "scores_not_summing_to_one"
