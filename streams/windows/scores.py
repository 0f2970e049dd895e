"""Scores as probabilities, or the reason why they are none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from driftbell.streams.agreement import class_name
from driftbell.streams.batch import KeptScores
from driftbell.streams.windows.uncounted import Uncounted

#: Rounding beyond 0 and 1 that is forgiven, and by how much the probabilities of all classes may miss their sum.
_ROUNDING: Final = 1e-6
_SUM_ERROR: Final = 0.01


class ManyClasses:
    """The probabilities of more than two classes. There may be thousands, and only that of the label is ever asked for."""

    __slots__ = ("_otherwise", "_scores")

    def __init__(self, scores: Mapping[str, float], otherwise: float = 0.0) -> None:
        """``otherwise``: the probability of a class that is not among ``scores``."""
        self._scores = scores
        self._otherwise = otherwise

    def of(self, name: str) -> float:
        """The probability of the class of this ``class_name``, however it is written; ``otherwise`` if there is none."""
        found = self._scores.get(name)
        if found is None:
            found = next((self._scores[key] for key in self._other_keys(name) if key in self._scores), self._otherwise)
        return _inside(found)

    def _other_keys(self, name: str) -> Iterator[str]:
        """In what other ways ``agreement`` knows a whole number to be written."""
        if name.removeprefix("-").isdecimal():
            number = float(name)
            # 10**300 is not the float nearest to it.
            if math.isfinite(number) and str(int(number)) == name:
                yield repr(number)
        if name in ("0", "1"):
            yield from (key for key in self._scores if 4 <= len(key) <= 5 and class_name(key) == name)


Probabilities = dict[str, float] | ManyClasses | float | None


def probabilities(scores: Mapping[str, float] | KeptScores | float | None) -> Probabilities | Uncounted:
    """The probability of the positive class, or that of each class (of two: by its ``class_name``).

    Logits, percentages and scores of several labels at once are no probabilities: clipping them into [0, 1] would give a log
    loss that looks like a terrible model.
    """
    if scores is None:
        return None
    if isinstance(scores, KeptScores):
        return _largest(scores)
    if not isinstance(scores, Mapping):
        return _inside(scores) if -_ROUNDING <= scores <= 1 + _ROUNDING else Uncounted.SCORE_NOT_A_PROBABILITY
    if not scores:
        return None
    given = scores.values()
    if min(given) < -_ROUNDING or max(given) > 1 + _ROUNDING:
        return Uncounted.SCORE_NOT_A_PROBABILITY
    if len(scores) > 1 and abs(sum(given) - 1) > _SUM_ERROR:
        return Uncounted.SCORES_NOT_SUMMING_TO_ONE
    if len(scores) > 2:
        return ManyClasses(scores)
    return {class_name(name): _inside(score) for name, score in scores.items()}


def _largest(scores: KeptScores) -> ManyClasses | Uncounted:
    given = scores.largest.values()
    if scores.lowest < -_ROUNDING or max(given) > 1 + _ROUNDING:
        return Uncounted.SCORE_NOT_A_PROBABILITY
    if abs(sum(given) + scores.rest - 1) > _SUM_ERROR:
        return Uncounted.SCORES_NOT_SUMMING_TO_ONE
    return ManyClasses(scores.largest, scores.rest / scores.others)


def _inside(score: float) -> float:
    return min(max(float(score), 0.0), 1.0)
