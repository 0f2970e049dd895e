"""Scores as probabilities, or the reason why they are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from driftbell.streams.agreement import class_name
from driftbell.streams.windows.uncounted import Uncounted

#: Rounding beyond 0 and 1 that is forgiven, and by how much the probabilities of all classes may miss their sum.
_ROUNDING: Final = 1e-6
_SUM_ERROR: Final = 0.01

Probabilities = dict[str, float] | float | None


def probabilities(scores: Mapping[str, float] | float | None) -> Probabilities | Uncounted:
    """The probability of the positive class, or that of each class by its ``class_name``.

    Logits, percentages and scores of several labels at once are no probabilities: clipping them into [0, 1] would give a log
    loss that looks like a terrible model.
    """
    if scores is None:
        return None
    if not isinstance(scores, Mapping):
        return _inside(scores) if -_ROUNDING <= scores <= 1 + _ROUNDING else Uncounted.SCORE_NOT_A_PROBABILITY
    if not scores:
        return None
    given = scores.values()
    if min(given) < -_ROUNDING or max(given) > 1 + _ROUNDING:
        return Uncounted.SCORE_NOT_A_PROBABILITY
    if len(scores) > 1 and abs(sum(given) - 1) > _SUM_ERROR:
        return Uncounted.SCORES_NOT_SUMMING_TO_ONE
    return {class_name(name): _inside(score) for name, score in scores.items()}


def _inside(score: float) -> float:
    return min(max(float(score), 0.0), 1.0)
