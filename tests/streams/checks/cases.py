"""Every detector with parameters and a seeded stream that drifts in the middle: the checks run over all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftbell.streams.detectors import (
    CUSUM,
    RIVER_NAMES,
    BernoulliESR,
    BlockCUSUM,
    BlockReference,
    BoundedMeanESR,
    CategoryESR,
    RankESR,
    RankScores,
    RiverDetector,
)


@dataclass(frozen=True)
class Case:
    """How to build a detector and the arguments of its updates, one tuple per step."""

    build: Callable[[], Any]
    steps: Sequence[tuple[Any, ...]]


def _bernoulli() -> Sequence[tuple[Any, ...]]:
    rng = np.random.default_rng(1)
    return [([64, 64], rng.binomial(64, [0.1, 0.1 if at < 60 else 0.25]), at) for at in range(120)]


def _bounded() -> Sequence[tuple[Any, ...]]:
    rng = np.random.default_rng(2)
    return [(rng.beta(2, 8 if at < 60 else 6, 64), at) for at in range(120)]


_BINS = np.array([0, *[50] * 20, 0])


def _rank() -> Sequence[tuple[Any, ...]]:
    rng = np.random.default_rng(3)
    flat = _BINS / _BINS.sum()
    tilted = flat * np.linspace(0.4, 1.6, len(flat))
    tilted /= tilted.sum()
    return [
        (np.stack([rng.multinomial(64, flat), rng.multinomial(64, flat if at < 60 else tilted)]), at)
        for at in range(120)
    ]


def _category() -> Sequence[tuple[Any, ...]]:
    rng = np.random.default_rng(4)
    before, after = [0.5, 0.3, 0.2], [0.35, 0.3, 0.35]
    return [(rng.multinomial(64, before if at < 60 else after)[None], at) for at in range(120)]


def _cusum() -> Sequence[tuple[Any, ...]]:
    rng = np.random.default_rng(5)
    return [(rng.normal(0 if at < 60 else 1, 1, (1, 3)), at) for at in range(120)]


def _blocks() -> Sequence[tuple[Any, ...]]:
    rng = np.random.default_rng(6)
    steps = []
    for at in range(120):
        rank = rng.random(50) ** (1 if at < 60 else 1.5)
        steps.append((rank, np.abs(2 * rank - 1), at))
    return steps


def _errors() -> Sequence[tuple[Any, ...]]:
    rng = np.random.default_rng(7)
    return [(int(x),) for x in rng.random(600) < np.repeat([0.1, 0.7], 300)]


CASES: dict[str, Case] = {
    "BernoulliESR": Case(lambda: BernoulliESR([0.1, 0.1], 1e5), _bernoulli()),
    "BoundedMeanESR": Case(lambda: BoundedMeanESR(0.2, 1e5), _bounded()),
    "RankESR": Case(lambda: RankESR([RankScores(_BINS), RankScores(_BINS)], 1e5), _rank()),
    "CategoryESR": Case(lambda: CategoryESR([np.array([2500, 1500, 1000])], 1e5), _category()),
    "CUSUM": Case(lambda: CUSUM(3, 1e5), _cusum()),
    "BlockCUSUM": Case(lambda: BlockCUSUM(BlockReference(20, 250, 0.5, 0.065, 0.5, 0.065), 1e5), _blocks()),
    **{name: Case(lambda name=name: RiverDetector(name), _errors()) for name in RIVER_NAMES},  # type: ignore[misc]
}

#: The first steps at which each detector alarms on its stream (it is reset after each alarm). A change of these
#: numbers is a change of what pages people: it needs a reason in the changelog.
GOLDEN: dict[str, list[int]] = {
    "BernoulliESR": [61, 64, 66],
    "BoundedMeanESR": [62, 66, 68],
    "RankESR": [62, 68, 78],
    "CategoryESR": [63, 70, 78],
    "CUSUM": [73, 91, 108],
    "BlockCUSUM": [62, 64, 67],
    "ADWIN": [351],
    "DDM": [318],
    "EDDM": [300, 355, 418],
    "FHDDM": [348],
    "HDDM_A": [312],
    "HDDM_W": [330],
    "KSWIN": [325],
    "PageHinkley": [404],
}
